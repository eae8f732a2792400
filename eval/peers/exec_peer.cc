// Any external encoder and decoder, given as command templates.
//
//   exec:bpg.json       {"name": "bpg", "encode": "bpgenc -q {q} -o {out} {in}",
//                        "decode": "bpgdec -o {out} {in}", "extension": ".bpg",
//                        "qualities": [40, 34, 28, 22], "timeout_seconds": 600}
//   exec:name=bpg;encode=bpgenc -q {q} -o {out} {in};decode=...;quality=40,34,28,22
//
// The encoder's {in} is a PNG, the decoder's {out} must become a PNG or JPEG. Commands are split at
// spaces ('...' and "..." keep them together) and run without a shell. {q}: the quality.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "codec/imageio/image_io.h"
#include "codec/io/atomic_file.h"
#include "codec/io/read_file.h"
#include "eval/peers/adapters.h"
#include "eval/process.h"
#include "eval/work_folder.h"

namespace halfmoon::eval {
namespace {

namespace fs = std::filesystem;

constexpr char kExpected[] =
    "; give exec:FILE.json or exec:name=NAME;encode=COMMAND;decode=COMMAND;quality=LIST with {in}, "
    "{out} and {q} in the commands";

struct ExecSettings {
  std::string name = "program", extension = ".bin";
  std::vector<std::string> encode, decode;
  std::vector<double> qualities;
  double timeout_seconds = 600;
};

Status Bad(const std::string& what) {
  return {StatusCode::kInvalidArgument, "exec: " + what + kExpected};
}

std::vector<std::string> SplitCommand(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (const char c : text) {
    if (quote ? c == quote : c == '\'' || c == '"') {
      quote = quote ? 0 : c;
      in_word = true;
    } else if (!quote && (c == ' ' || c == '\t')) {
      if (in_word) words.push_back(word);
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) words.push_back(word);
  return words;
}

// Semicolons in quotes belong to a command.
std::vector<std::string> SplitAtSemicolons(const std::string& text) {
  std::vector<std::string> parts(1);
  char quote = 0;
  for (const char c : text) {
    if (quote ? c == quote : c == '\'' || c == '"') quote = quote ? 0 : c;
    if (c == ';' && !quote) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (parts.back().empty()) parts.pop_back();
  return parts;
}

bool Mentions(const std::vector<std::string>& command, const std::string& placeholder) {
  return std::any_of(command.begin(), command.end(), [&](const std::string& word) {
    return word.find(placeholder) != std::string::npos;
  });
}

Result<ExecSettings> FromJson(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const auto bytes, ReadFile(path));
  ExecSettings s;
  try {
    const auto j = nlohmann::json::parse(bytes);
    s.name = j.at("name").get<std::string>();
    s.encode = SplitCommand(j.at("encode").get<std::string>());
    s.decode = SplitCommand(j.at("decode").get<std::string>());
    s.extension = j.value("extension", s.extension);
    j.at("qualities").get_to(s.qualities);
    s.timeout_seconds = j.value("timeout_seconds", s.timeout_seconds);
  } catch (const nlohmann::json::exception& e) {
    return Bad(path + ": " + e.what());
  }
  return s;
}

Result<ExecSettings> FromText(const std::string& text) {
  ExecSettings s;
  for (const std::string& part : SplitAtSemicolons(text)) {
    const auto equals = part.find('=');
    const std::string key = part.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    if (key == "name") {
      s.name = value;
    } else if (key == "encode") {
      s.encode = SplitCommand(value);
    } else if (key == "decode") {
      s.decode = SplitCommand(value);
    } else if (key == "extension") {
      s.extension = value;
    } else if (key == "timeout") {
      s.timeout_seconds = std::atof(value.c_str());
    } else if (key == "quality") {
      std::istringstream numbers(value);
      for (std::string number; std::getline(numbers, number, ',');) {
        char* end = nullptr;
        s.qualities.push_back(std::strtod(number.c_str(), &end));
        if (end == number.c_str() || *end) return Bad("'" + number + "' is no quality");
      }
    } else {
      return Bad("unknown option '" + key +
                 "'; valid: name, encode, decode, quality, extension, timeout");
    }
  }
  return s;
}

Status Check(const ExecSettings& s) {
  if (s.name.empty()) return Bad("the name is empty");
  if (s.qualities.empty()) return Bad("no qualities");
  if (!(s.timeout_seconds > 0)) return Bad("the time limit must be positive");
  if (s.extension.find('/') != std::string::npos) return Bad("the extension has a slash");
  if (!Mentions(s.encode, "{in}") || !Mentions(s.encode, "{out}") || !Mentions(s.encode, "{q}")) {
    return Bad("the encoder's command needs {in}, {out} and {q}");
  }
  if (!Mentions(s.decode, "{in}") || !Mentions(s.decode, "{out}")) {
    return Bad("the decoder's command needs {in} and {out}");
  }
  return Status::Ok();
}

class ExecPeer : public Peer {
 public:
  ExecPeer(ExecSettings settings, std::unique_ptr<WorkFolder> folder)
      : settings_(std::move(settings)), folder_(std::move(folder)) {
    std::sort(settings_.qualities.begin(), settings_.qualities.end());
    info_.name = "exec:" + settings_.name;
    info_.adapter = "exec";
    for (const std::string& word : settings_.encode) {
      info_.description += (info_.description.empty() ? "" : " ") + word;
    }
    info_.extension = settings_.extension;
    info_.ladder = settings_.qualities;
    info_.lowest = settings_.qualities.front();
    info_.highest = settings_.qualities.back();
    info_.whole = std::all_of(settings_.qualities.begin(), settings_.qualities.end(),
                              [](double q) { return q == std::round(q); });
  }

  Result<std::vector<std::uint8_t>> Encode(const RgbPicture& picture, double quality) override {
    const std::string in = *folder_ / "in.png", out = *folder_ / ("coded" + info_.extension);
    ImageWriteOptions plain;  // the samples are to be coded as they are
    plain.png_srgb_mark = false;
    HALFMOON_RETURN_IF_ERROR(WriteImageFile(in, picture.view(), plain, /*overwrite=*/true));
    HALFMOON_RETURN_IF_ERROR(Run(settings_.encode, in, out, quality));
    return ReadFile(out);
  }

  Result<RgbPicture> Decode(std::span<const std::uint8_t> file) override {
    const std::string in = *folder_ / ("decode" + info_.extension), out = *folder_ / "out.png";
    HALFMOON_RETURN_IF_ERROR(WriteFile(in, file, /*overwrite=*/true));
    HALFMOON_RETURN_IF_ERROR(Run(settings_.decode, in, out, 0));
    HALFMOON_ASSIGN_OR_RETURN(Image image, ReadImageFile(out));
    return RgbPicture::From(std::move(image));
  }

 private:
  Status Run(const std::vector<std::string>& words, const std::string& in, const std::string& out,
             double quality) {
    std::error_code ignored;
    fs::remove(out, ignored);  // what an earlier call left must not pass as a result
    char q[32];
    std::snprintf(q, sizeof(q), "%.10g", quality);
    std::vector<std::string> command;
    for (std::string word : words) {
      for (const auto& [from, to] :
           {std::pair<std::string, std::string>{"{in}", in}, {"{out}", out}, {"{q}", q}}) {
        for (auto at = word.find(from); at != std::string::npos;
             at = word.find(from, at + to.size())) {
          word.replace(at, from.size(), to);
        }
      }
      command.push_back(std::move(word));
    }
    HALFMOON_ASSIGN_OR_RETURN(const ProcessResult result,
                              RunProcess(command, settings_.timeout_seconds));
    if (result.exit_code != 0) {
      return {StatusCode::kIo, info_.name + ": '" + command[0] + "' failed with exit code " +
                                   std::to_string(result.exit_code) + ": " +
                                   LastLine(result.err.empty() ? result.out : result.err)};
    }
    if (!fs::exists(out, ignored)) {
      return {StatusCode::kIo, info_.name + ": '" + command[0] + "' wrote no {out} file"};
    }
    return Status::Ok();
  }

  ExecSettings settings_;
  std::unique_ptr<WorkFolder> folder_;
};

}  // namespace

PeerOrError MakeExecPeer(const std::string& text) {
  auto settings = text.find('=') == std::string::npos ? FromJson(text) : FromText(text);
  if (text.empty()) return Bad("no program");
  if (!settings.ok()) return settings.status();
  HALFMOON_RETURN_IF_ERROR(Check(*settings));
  HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<WorkFolder> folder, WorkFolder::Create());
  return std::unique_ptr<Peer>(std::make_unique<ExecPeer>(*std::move(settings), std::move(folder)));
}

}  // namespace halfmoon::eval
