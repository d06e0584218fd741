-- Synthetic prompts: plausible sentences of a stated number of tokens, the same for a seed on every
-- machine.
--
-- Each word below is one token of the Qwen2.5 vocabulary where it stands (after a space, or at the
-- start with a capital; the Chinese ones next to each other), and so is each punctuation mark: the
-- texts have exactly the tokens asked for. Other vocabularies cut common words the same way, so
-- they come close.

local text = {}

local function words(list)
  local result = {}
  for word in list:gmatch("%S+") do result[#result + 1] = word end
  return result
end

-- First words of a sentence: one token both with and without a space before them.
local STARTERS = words [[
  The This That Each Some Any One Two Three Many Most No Our My Your His Her Another Every
]]
local DETERMINERS = words [[
  the a this that each some any one two three many most no our my your his her their its another
  every
]]
local ADJECTIVES = words [[
  small large young old new good great long little own public early local social best better common
  easy fair final full happy hard modern near nice plain ready rich safe simple sharp open broad
  clear smooth sweet thin tiny wild red blue green gold white black warm cold quiet quick slow
  bright dark deep wide short heavy soft strong weak clean fresh late single right different
]]
local NOUNS = words [[
  time man world day life year state house work school city family system story question side party
  market table window letter river road morning music money office order plan price problem reason
  report result room service ship sound space station street student summer sun teacher team test
  town trade train travel tree truth voice wall week winter woman word worker writer glass ground
  field fire fish floor food foot friend game girl heart hotel hour kitchen king lake land language
  law leader line list machine member metal model moment month mountain movement name nation news
  note object ocean page pair past peace person picture piece player police pool president press
  program radio rain rest rock rule sand scene science sea season seat section sense series shape
  shop sign size skin sky sleep snow song spring square stage star stone storm subject sugar surface
  thing thought tool top touch tower type unit value view visit watch weather weight wheel wind wood
  paper light history interest body door head hand water place number
]]
local VERBS = words [[
  was made found had left used called came went built caught closed cut ended entered failed forgot
  joined let lost met moved needed paid passed played put reached read returned sent set won will
  can may must should could would gives takes makes needs wants finds keeps brings holds shows tells
  asks helps moves opens reads writes sees knows
]]
local LINKS = words [[
  of to in for with on by at from into over under near after before between without through across
  along against behind around and or but while when because since until than as if where
]]
-- What a sentence is made of, again and again until it is long enough.
local SHAPE = { NOUNS, VERBS, DETERMINERS, ADJECTIVES, NOUNS, LINKS, DETERMINERS, ADJECTIVES }

local CHINESE = words [[
  城市 公司 报道 时间 人们 政府 教育 世界 消费 价格 项目 计划 活动 比赛 球队 球员 教练 观众 电影 导演 演员 音乐
  作品 历史 现代 研究 专家 调查 结果 数据 增长 下降 超过 达到 表示 介绍 发现 提供 选择 决定 开始 结束 继续 准备
  需要 正在 可能 应该 一些 许多 全部 今年 去年 昨天 今天 明天 上午 下午 晚上 周末 早上 北方 南方 东部 西部 地区
  街道 社区 父母 孩子 朋友 老师 同学 医院 环境 天气 春天 夏天 秋天 冬天 道路 汽车 火车 飞机 机场 车站 酒店 餐厅
  食品 水果 蔬菜 农民 农村 房屋 材料 能源 电力 网络 手机 电脑 软件 信息 通信 新闻 读者 作者 书籍 图书 人物 形象
  风格 颜色 衣服 价值 质量 标准 规定 改革 措施 方案 意见 会议 交流 关系 影响 作用 意义 原因 情况 条件 机会 挑战
  困难 经验 能力 水平 成绩 任务 责任 方面 过程 方式 方法 特别 逐渐 不断 迅速 明显 简单 复杂 他们 大家 那个 这些
  其中 因此 而且 如果 虽然 同时 随后 最后 首先 其次
]]

local function draw(rng, list)
  return list[rng:int(1, #list)]
end

---English sentences.
---@param rng userdata of sb.rng: what it draws decides the text
---@param tokens integer at least 1
---@return string
function text.english(rng, tokens)
  local parts, n = {}, 0
  while n < tokens do
    local room = tokens - n
    local length = math.min(rng:int(8, 20), room) -- with its full stop
    if room - length == 1 then length = room end -- no last sentence of a single token
    local count = length > 1 and length - 1 or 1
    parts[#parts + 1] = (n > 0 and " " or "") .. draw(rng, STARTERS)
    for i = 1, count - 1 do
      parts[#parts + 1] = " " .. draw(rng, SHAPE[(i - 1) % #SHAPE + 1])
    end
    if length > 1 then parts[#parts + 1] = "." end
    n = n + length
  end
  return table.concat(parts)
end

---Chinese sentences.
---@param rng userdata of sb.rng
---@param tokens integer at least 1
---@return string
function text.chinese(rng, tokens)
  local parts, clause = {}, 0
  for i = 1, tokens do
    if i == tokens and tokens > 1 then
      parts[i] = "。"
    elseif clause > 0 and clause >= rng:int(3, 9) and i < tokens - 1 then
      parts[i] = rng:int(1, 3) == 1 and "。" or "，"
      clause = 0
    else
      parts[i] = draw(rng, CHINESE)
      clause = clause + 1
    end
  end
  return table.concat(parts)
end

return text
