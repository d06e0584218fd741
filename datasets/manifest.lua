-- The reference system's data files: what each is, where it is published and how to know that it is the same.
--
-- None of them is part of this project. `specbench dataset fetch` gets them, or --datasets names a folder that
-- holds them under these paths. url is manifest.base .. file.

local CNN = "The publisher states none; the collection CNN/DailyMail is Apache-2.0, its texts are their publishers'"
local THUC = "The publisher states none; THUCNews is free for research, its texts belong to their publishers"
local SPEC = "Apache-2.0 (Spec-Bench); questions from MT-Bench, WMT14, CNN/DailyMail, Natural Questions, GSM8K"
local SHARE = "The publisher states none; conversations that users of ShareGPT shared"
local PUBLIC = "Public domain (Shakespeare)"

local NEWS = { "tokens_range", "total_prompt_tokens", "how_many_news", "source", "content" }
local HIGHLIGHTS = { "tokens_range", "total_prompt_tokens", "source", "highlights", "expected_context_len" }
local THUCNEWS = { "tokens_range", "total_prompt_tokens", "title", "content" }
local SPEC_BENCH = { "question_id", "category", "turns", "reference" }
local SHAREGPT = { "id", "conversations" }
local SONNET = {} -- lines of verse

local home = "https://github.com/spitzblattr/spec-bench-vllm"
local commit = "c79c615501571aa7a8c6d752c23ea4bb2933d552"

local manifest = {
  home = home,
  commit = commit,
  tree = home .. "/tree/" .. commit .. "/datasets",
  base = "https://raw.githubusercontent.com/spitzblattr/spec-bench-vllm/" .. commit .. "/datasets/",
  also = { spec_bench = "https://github.com/hemingkx/Spec-Bench (data/spec_bench/question.jsonl "
    .. "at fd2c1cd7d2201ef71db4c5f4e455008f017967bf: the same bytes as spec-bench-all.jsonl)" },
}

---@class specbench.dataset.file
---@field file string path below the datasets folder
---@field sha256 string? of the whole file
---@field blob string? git's id of it, where its sha256 is not known
---@field bytes integer? nil where it is not known
---@field rows integer? nil where it is not known
---@field dataset string name for specbench.dataset's prompts{}
---@field subset string?
---@field fields string[] of each row
---@field licence string
---@field url string

---@type specbench.dataset.file[]
manifest.files = {
  { file = "CNN-DailyMail-News/cnn_dailymail_0.25k.jsonl",
    sha256 = "4932839d4f32143c51d39a1fa8eb178f0c4fc537221b3c0381ecdcb234542146",
    bytes = 215379, rows = 256, dataset = "cnn_dailymail_news", subset = "0.25k",
    fields = NEWS, licence = CNN },
  { file = "CNN-DailyMail-News/cnn_dailymail_0.5k.jsonl",
    sha256 = "823fbd17415643826eea035fde607b1501fa9aa019d7bb65d041e45cc9087a18",
    bytes = 502700, rows = 256, dataset = "cnn_dailymail_news", subset = "0.5k",
    fields = NEWS, licence = CNN },
  { file = "CNN-DailyMail-News/cnn_dailymail_1k.jsonl",
    sha256 = "6e64f8dcfb3f2b794463d44cbdff36dd990852ade37be9103a336439a895cfa8",
    bytes = 1023228, rows = 256, dataset = "cnn_dailymail_news", subset = "1k",
    fields = NEWS, licence = CNN },
  { file = "CNN-DailyMail-News/cnn_dailymail_2k.jsonl",
    sha256 = "3dc589bd3a7f00351f38283ee66e5b8d55438b774c35a87cd3c4686f5b3428ec",
    bytes = 2187752, rows = 256, dataset = "cnn_dailymail_news", subset = "2k",
    fields = NEWS, licence = CNN },
  { file = "CNN-DailyMail-News/cnn_dailymail_4k.jsonl", blob = "8cb8cae59d5ec18abf31f13615c755754aabf11c",
    dataset = "cnn_dailymail_news", subset = "4k", fields = NEWS, licence = CNN },
  { file = "CNN-DailyMail-News/cnn_dailymail_8k.jsonl", blob = "12c68c118465c4f95529b96b7deb1b5825ded98d",
    dataset = "cnn_dailymail_news", subset = "8k", fields = NEWS, licence = CNN },
  { file = "CNN-DailyMail-HighLights/cnn_dailymail_highlights_0.25k.jsonl",
    sha256 = "f19e355c6fb377da27c03b32e4468cf979d22ad607dbe8de18193376aa5369d6",
    bytes = 715882, rows = 2730, dataset = "cnn_dailymail_highlights", subset = "0.25k",
    fields = HIGHLIGHTS, licence = CNN },
  { file = "CNN-DailyMail-HighLights/cnn_dailymail_highlights_0.5k.jsonl",
    sha256 = "4d4b16777177a3e42d1e2d93103fea983e33059e221389d7ba371053b9cbac16",
    bytes = 123833, rows = 512, dataset = "cnn_dailymail_highlights", subset = "0.5k",
    fields = HIGHLIGHTS, licence = CNN },
  { file = "CNN-DailyMail-HighLights/cnn_dailymail_highlights_1k.jsonl",
    sha256 = "bcfe03fa2168760222fe86d2466710532f3d3a1bc6112099f7c5700a81453657",
    bytes = 124365, rows = 512, dataset = "cnn_dailymail_highlights", subset = "1k",
    fields = HIGHLIGHTS, licence = CNN },
  { file = "CNN-DailyMail-HighLights/cnn_dailymail_highlights_2k.jsonl",
    sha256 = "4861e769ccb252aa91f778710f96c89bd62e7d757db669deb6e3e72672626eae",
    bytes = 128906, rows = 512, dataset = "cnn_dailymail_highlights", subset = "2k",
    fields = HIGHLIGHTS, licence = CNN },
  { file = "CNN-DailyMail-HighLights/cnn_dailymail_highlights_4k.jsonl",
    sha256 = "6fef9c8bf4be231d4c55a8c1aa97de0c3ad48bdbf5878531dda93cea6bf68d61",
    bytes = 130754, rows = 512, dataset = "cnn_dailymail_highlights", subset = "4k",
    fields = HIGHLIGHTS, licence = CNN },
  { file = "CNN-DailyMail-HighLights/cnn_dailymail_highlights_8k.jsonl",
    sha256 = "b1c20619486b4aa077ed8e7e4f2513b55d6c2b3b744196ba09553d5d4efe7752",
    bytes = 134082, rows = 512, dataset = "cnn_dailymail_highlights", subset = "8k",
    fields = HIGHLIGHTS, licence = CNN },
  { file = "THUCNews/thucnews_0.125k.jsonl",
    sha256 = "75434c8fe98567cfa719fff88c83cd251520f000ce1d163b46a2516816f0cc63",
    bytes = 163987, rows = 256, dataset = "thucnews", subset = "0.125k",
    fields = THUCNEWS, licence = THUC },
  { file = "THUCNews/thucnews_0.25k.jsonl",
    sha256 = "46cec9b4b4733c3c95a8c439ea6428e045ddd48aa6b0f4872228572d0a62e5d1",
    bytes = 304834, rows = 256, dataset = "thucnews", subset = "0.25k",
    fields = THUCNEWS, licence = THUC },
  { file = "THUCNews/thucnews_0.5k.jsonl",
    sha256 = "c36ae259036907c0bbe2d744252f05d04392ed4e1252831002d6f366361442f1",
    bytes = 563463, rows = 256, dataset = "thucnews", subset = "0.5k",
    fields = THUCNEWS, licence = THUC },
  { file = "THUCNews/thucnews_1k.jsonl",
    sha256 = "d7528f0652c35fa9086e1adcbcdeb51c8ac0a5b19eedf300eddde2219af6abe1",
    bytes = 1135970, rows = 256, dataset = "thucnews", subset = "1k",
    fields = THUCNEWS, licence = THUC },
  { file = "THUCNews/thucnews_2k.jsonl",
    sha256 = "aded88085272177f545f2eb6c3633d396fba32def167696cb1d8dbb39460c3cf",
    bytes = 1079436, rows = 128, dataset = "thucnews", subset = "2k",
    fields = THUCNEWS, licence = THUC },
  { file = "THUCNews/thucnews_4k.jsonl",
    sha256 = "210c072a0dcaace5124cf9a24f86a66dae9f7114223a41b6fcf3c662dfb8ea9a",
    bytes = 1141426, rows = 66, dataset = "thucnews", subset = "4k",
    fields = THUCNEWS, licence = THUC },
  { file = "Spec-Decode-Merged/cnn_merged.jsonl",
    sha256 = "9c7f3c13bd4756c483dc470360d9ff577215cb0434398bf86c8c2584ca5b68eb",
    bytes = 1326956, rows = 120, dataset = "cnn_merged",
    fields = NEWS, licence = CNN },
  { file = "spec-bench/spec-bench-all.jsonl",
    sha256 = "4b6d33e79484f9841c487ee87d1cf6aa8c6066f61d5d482ff09e5a007fafdf04",
    bytes = 698768, rows = 480, dataset = "spec_bench", subset = "all",
    fields = SPEC_BENCH, licence = SPEC },
  { file = "spec-bench/spec-bench-conversation.jsonl",
    sha256 = "ba960ff0a2d80e4bb7d949e250536db7714dfc752564e25849c812e801c15081",
    bytes = 48928, rows = 80, dataset = "spec_bench", subset = "conversation",
    fields = SPEC_BENCH, licence = SPEC },
  { file = "spec-bench/spec-bench-math-reasoning.jsonl",
    sha256 = "cdb6716c2543f6516bc0f7553737abee443e3e058bc7fc3e7602bd02b401d2c7",
    bytes = 48149, rows = 80, dataset = "spec_bench", subset = "math-reasoning",
    fields = SPEC_BENCH, licence = SPEC },
  { file = "spec-bench/spec-bench-qa.jsonl",
    sha256 = "04252e41ab00bcc03b11940b4a3766cf40ae0b76a09c4f56968ba952f0b029f3",
    bytes = 8206, rows = 80, dataset = "spec_bench", subset = "qa",
    fields = SPEC_BENCH, licence = SPEC },
  { file = "spec-bench/spec-bench-rag.jsonl",
    sha256 = "9fd0911904199085e5cdd5f5decb69c48f5216596c93a15fe62e4d2d890cdf59",
    bytes = 259058, rows = 80, dataset = "spec_bench", subset = "rag",
    fields = SPEC_BENCH, licence = SPEC },
  { file = "spec-bench/spec-bench-summarization.jsonl",
    sha256 = "916876f0c42f938a944de96eed16e51425f29f27438cca5c9ef4737c0fedf771",
    bytes = 304676, rows = 80, dataset = "spec_bench", subset = "summarization",
    fields = SPEC_BENCH, licence = SPEC },
  { file = "spec-bench/spec-bench-translation.jsonl",
    sha256 = "0228e1067873fb8267a0af60e8df00a5015dfe1fba478d809204421519c78469",
    bytes = 29746, rows = 80, dataset = "spec_bench", subset = "translation",
    fields = SPEC_BENCH, licence = SPEC },
  { file = "sharegpt_processed_1024.json",
    sha256 = "2d291d40caf5d09c62427527ccc0b55c1495f5548298ca6ac149b2a0cfc3bf23",
    bytes = 2733583, rows = 1024, dataset = "sharegpt",
    fields = SHAREGPT, licence = SHARE },
  { file = "sonnet.txt",
    sha256 = "d58663195ba6780da5f029b920c7ac00cad1e435ee1df7e03bf9ec2470f8dea4",
    bytes = 22706, rows = 518, dataset = "sonnet",
    fields = SONNET, licence = PUBLIC },
}

for _, entry in ipairs(manifest.files) do
  entry.url = manifest.base .. entry.file
end

return manifest
