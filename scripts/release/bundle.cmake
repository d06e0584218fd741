# Run by CPack on the staged tree: copies what the program needs from this machine into lib/specbench, where the
# program's own rpath finds it (no variable is set, so the servers that specbench starts inherit none), with the
# licence of each package it came from. Left to the node are the C library's own parts, libresolv among them: they
# must match its loader.
set(root ${CPACK_TEMPORARY_DIRECTORY})
set(libraries ${root}/lib/specbench)
set(licences ${root}/share/doc/specbench/licences)
if(NOT EXISTS ${SPECBENCH_CJSON})
  message(FATAL_ERROR "release: lua-cjson's cjson.so was not found: install lua-cjson")
endif()

file(GET_RUNTIME_DEPENDENCIES EXECUTABLES ${root}/bin/specbench MODULES ${SPECBENCH_CJSON}
     RESOLVED_DEPENDENCIES_VAR found UNRESOLVED_DEPENDENCIES_VAR missing
     PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|resolv|util)\\.so")
if(missing)
  message(FATAL_ERROR "release: not found on this machine: ${missing}")
endif()

foreach(file IN LISTS found ITEMS ${SPECBENCH_CJSON})
  file(REAL_PATH ${file} real)
  get_filename_component(name ${file} NAME)
  file(COPY_FILE ${real} ${root}/${name}.tmp)
  file(MAKE_DIRECTORY ${libraries})
  file(RENAME ${root}/${name}.tmp ${libraries}/${name})
  string(REGEX REPLACE "^/usr" "" recorded ${real}) # a package may have it in /lib, which is /usr/lib today
  execute_process(COMMAND dpkg-query --search *${recorded} OUTPUT_VARIABLE owner ERROR_QUIET RESULT_VARIABLE status)
  string(REGEX MATCH "^[^:]+" package "${owner}")
  set(notice /usr/share/doc/${package}/copyright)
  if(NOT status EQUAL 0 OR NOT EXISTS ${notice})
    message(FATAL_ERROR "release: no licence is known for ${real}: build the release on Debian")
  endif()
  file(MAKE_DIRECTORY ${licences})
  file(COPY_FILE ${notice} ${licences}/${package})
endforeach()

# What makes the page's charts zoom: read from here first, put into a page where that is written.
set(charts /usr/share/javascript/dygraphs)
if(EXISTS ${charts}/dygraph.min.js)
  file(COPY ${charts}/dygraph.min.js ${charts}/dygraph.min.css
       DESTINATION ${root}/share/specbench/scripts/specbench/page/dygraphs FOLLOW_SYMLINK_CHAIN)
  file(COPY_FILE /usr/share/doc/libjs-dygraphs/copyright ${licences}/libjs-dygraphs)
else()
  message(WARNING "release: libjs-dygraphs is not installed: the charts of its pages will not zoom")
endif()
file(COPY ${CPACK_RESOURCE_FILE_LICENSE} DESTINATION ${root}/share/doc/specbench)
