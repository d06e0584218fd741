---@meta sb.fs

--- Files that survive a kill, and the few questions about paths and terminals that scripts ask. What fails gives
--- nil, one line that names the path, and a code ("io", "parse", "state", "invalid").
local fs = {}

---@class sb.Lock
local Lock = {}

---@class sb.Stat
---@field type "file"|"folder"|"other"
---@field size integer bytes
---@field mtime integer seconds since 1970
---@field changed_ns integer nanoseconds since 1970: when its bytes, name or permissions changed last, which nobody sets
---@field inode integer the same for two names of one file
---@field mode integer permissions: 420 is 0644

--- Writes a file as a whole: after a crash it is the old one or the new one. Synced to disk.
---@param path string
---@param data string
---@return true? ok, string? message, string? code
function fs.write(path, data) end

--- Writes and syncs a new file of a folder that fs.commit will move into place. A pipe or a device is written to as it
--- is; a pipe that nobody reads is a failure, not a wait. So with fs.write and fs.append.
---@param path string
---@param data string
---@return true? ok, string? message, string? code
function fs.put(path, data) end

--- Appends and syncs to disk; makes the file where it is missing.
---@param path string
---@param data string
---@return true? ok, string? message, string? code
function fs.append(path, data) end

---@param path string
---@return string? data, string? message, string? code
function fs.read(path) end

--- Makes an empty file that nobody else uses, in $TMPDIR, /tmp, /var/tmp or the working directory: the first that there
--- is.
---@return string? path, string? message, string? code
function fs.temporary() end

--- Makes a folder and its parents; one that is there already is fine.
---@param path string
---@return true? ok, string? message, string? code
function fs.mkdir(path) end

--- Renames a finished folder into place and syncs. `to` must not exist; both lie on one file system.
---@param from string
---@param to string
---@return true? ok, string? message, string? code
function fs.commit(from, to) end

--- Makes a folder that is not there yet: of several that try, on whatever machine, one succeeds.
---@param path string
---@return true? ok, string? message, string? code "state" where it is there
function fs.claim(path) end

--- Gives a file a second name on the same file system, unless that name is taken by another file.
---@param from string
---@param to string
---@return true? ok, string? message, string? code "state" where it is taken
function fs.link(from, to) end

--- Sets the time of a file or folder to now, by the clock of the machine that keeps it.
---@param path string
---@return true? ok, string? message, string? code
function fs.touch(path) end

--- Removes a file or a whole folder (links, not what they point to); one that is not there is fine.
---@param path string
---@return true? ok, string? message, string? code
function fs.remove(path) end

---@param folder string
---@return string[]? names sorted, without . and ..
---@return string? message, string? code
function fs.list(folder) end

---@param path string
---@return sb.Stat? stat nil where there is nothing
function fs.stat(path) end

---@param path string
---@return boolean whether it is a symbolic link, whatever that leads to
function fs.is_link(path) end

---@param path string
---@return boolean
function fs.is_executable(path) end

---@param path string
---@return string? absolute without links
---@return string? message, string? code
function fs.realpath(path) end

---@param data string
---@return string? compressed, string? message, string? code
function fs.gzip(data) end

---@param data string
---@param most integer? bytes that may come of it; 1 GiB unless told
---@return string? inflated, string? message, string? code "parse" where it is damaged, or would be longer
function fs.gunzip(data, most) end

--- As fs.gzip, of the bytes in another order, which it makes a third less of where they are a records file.
---@param data string
---@return string? compressed, string? message, string? code
function fs.gzip_planes(data) end

---@param data string
---@param most integer? as fs.gunzip
---@return string? inflated, string? message, string? code "parse" where fs.gzip_planes did not make it
function fs.gunzip_planes(data, most) end

---@param data string
---@return string hex 64 hexadecimal digits
function fs.sha256(data) end

---@param path string
---@return string? hex, string? message, string? code
function fs.sha256_file(path) end

--- Takes a lock that dies with the process; the file is made where it is missing. To be held in a `<close>`
--- variable, or closed.
---@param path string
---@return sb.Lock? lock, string? message, string? code "state" where another holds it
function fs.lock(path) end

--- Gives the lock back.
function Lock:close() end

---@param file file* io.stdout or io.stderr
---@return boolean is_one
---@return integer columns 80 where it is none
---@return integer rows 24 where it is none
function fs.is_terminal(file) end

---@return string
function fs.hostname() end

---Whether what is written by write, put, append and commit is synced to disk at once (it is until told otherwise). For
---results that can be made again in no time; sync makes up for it once.
---@param on boolean
function fs.durable(on) end

---Syncs the whole file system that holds a folder.
---@param folder string
---@return true? ok
---@return string? message
---@return string? code
function fs.sync(folder) end

return fs
