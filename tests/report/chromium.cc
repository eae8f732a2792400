#include "tests/report/chromium.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace halfmoon::testing {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

// Generous: a loaded machine starts a browser in seconds, not milliseconds.
constexpr auto kPatience = std::chrono::seconds(60);

// In the child: the two ends at 3 and 4, where --remote-debugging-pipe expects them.
[[noreturn]] void Become(const std::string& program, const std::string& profile, int in, int out) {
  // Out of the way first: `in` or `out` may be 3 or 4 themselves.
  const int high_in = fcntl(in, F_DUPFD, 10), high_out = fcntl(out, F_DUPFD, 10);
  dup2(high_in, 3);
  dup2(high_out, 4);
  close(high_in);
  close(high_out);
  const int null = open("/dev/null", O_RDWR);
  dup2(null, 1);
  dup2(null, 2);
  setpgid(0, 0);                         // helpers of the browser end with it
  setenv("TMPDIR", profile.c_str(), 1);  // its own temporary files go with the profile
  const std::string data = "--user-data-dir=" + profile;
  // No sandbox: it can't be set up by root or inside most containers, and the page is ours.
  execl(program.c_str(), program.c_str(), "--headless=new", "--no-sandbox", "--disable-gpu",
        "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--hide-scrollbars", "--force-color-profile=srgb", "--remote-debugging-pipe", data.c_str(),
        "about:blank", static_cast<char*>(nullptr));
  _exit(127);
}

std::string Base64Decoded(const std::string& text) {
  static const std::string kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string::npos) break;
    bits = bits << 6 | static_cast<unsigned>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 255);
    }
  }
  return bytes;
}

}  // namespace

std::string Chromium::Find() {
  if (const char* named = std::getenv("HALFMOON_CHROMIUM")) return named;
  const char* path = std::getenv("PATH");
  std::string folders = path == nullptr ? "/usr/bin" : path;
  for (std::size_t at = 0; at <= folders.size();) {
    const std::size_t end = std::min(folders.find(':', at), folders.size());
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
      const std::string program = folders.substr(at, end - at) + "/" + name;
      if (access(program.c_str(), X_OK) == 0) return program;
    }
    at = end + 1;
  }
  return "";
}

Chromium::Chromium(const std::string& program) {
  signal(SIGPIPE, SIG_IGN);  // a browser that ends is an error to report, not our end
  profile_ = (std::filesystem::temp_directory_path() / "halfmoon-chromium-XXXXXX").string();
  if (mkdtemp(profile_.data()) == nullptr) throw std::runtime_error("no temporary folder");
  int down[2], up[2];
  if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  process_ = fork();
  if (process_ == 0) Become(program, profile_, down[0], up[1]);
  close(down[0]);
  close(up[1]);
  to_ = down[1];
  from_ = up[0];
  if (process_ < 0) throw std::runtime_error("cannot start " + program);
  const Json target = Call("Target.createTarget", {{"url", "about:blank"}});
  session_ = Call("Target.attachToTarget", {{"targetId", target["targetId"]}, {"flatten", true}})
                 .at("sessionId")
                 .get<std::string>();
  for (const char* domain : {"Page", "Runtime", "Log", "Network"})
    Call(std::string(domain) + ".enable");
  // As the page that somebody looks at: others have slow timers.
  Call("Page.bringToFront");
  Call("Emulation.setFocusEmulationEnabled", {{"enabled", true}});
}

Chromium::~Chromium() {
  if (to_ >= 0) close(to_);
  if (from_ >= 0) close(from_);
  if (process_ > 0) {
    kill(-process_, SIGKILL);
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(profile_, ignored);
}

void Chromium::Send(const Json& message) {
  const std::string text = message.dump() + '\0';
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t wrote = write(to_, text.data() + done, text.size() - done);
    if (wrote < 0) throw std::runtime_error("the browser has gone");
    done += static_cast<std::size_t>(wrote);
  }
}

Json Chromium::Receive(Clock::time_point until) {
  while (true) {
    if (const std::size_t end = buffer_.find('\0'); end != std::string::npos) {
      Json message = Json::parse(buffer_.substr(0, end));
      buffer_.erase(0, end + 1);
      return message;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    pollfd ready{from_, POLLIN, 0};
    if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) <= 0) {
      throw std::runtime_error("the browser does not answer");
    }
    char bytes[65536];
    const ssize_t got = read(from_, bytes, sizeof(bytes));
    if (got <= 0) throw std::runtime_error("the browser has gone");
    buffer_.append(bytes, static_cast<std::size_t>(got));
  }
}

void Chromium::Note(const Json& event) {
  const std::string method = event.value("method", "");
  const Json parameters = event.value("params", Json::object());
  if (method == "Runtime.exceptionThrown") {
    complaints_.push_back("exception: " + parameters["exceptionDetails"].dump());
  } else if (method == "Runtime.consoleAPICalled") {
    const std::string type = parameters.value("type", "");
    if (type == "error" || type == "warning" || type == "assert") {
      complaints_.push_back("console." + type + ": " + parameters["args"].dump());
    }
  } else if (method == "Log.entryAdded") {
    const std::string level = parameters["entry"].value("level", "");
    if (level == "error" || level == "warning")
      complaints_.push_back("log: " + parameters["entry"].dump());
  } else if (method == "Network.requestWillBeSent") {
    const std::string url = parameters["request"].value("url", "");
    const bool inside = url.rfind("file:", 0) == 0 || url.rfind("data:", 0) == 0 ||
                        url.rfind("blob:", 0) == 0 || url.rfind("about:", 0) == 0;
    if (!inside) foreign_requests_.push_back(url);
  }
}

Json Chromium::Call(const std::string& method, Json parameters) {
  const int id = next_++;
  Json message = {{"id", id}, {"method", method}, {"params", std::move(parameters)}};
  if (!session_.empty()) message["sessionId"] = session_;
  Send(message);
  const auto until = Clock::now() + kPatience;
  while (true) {
    const Json answer = Receive(until);
    if (answer.value("id", 0) != id) {
      Note(answer);
      continue;
    }
    if (answer.contains("error")) throw std::runtime_error(method + ": " + answer["error"].dump());
    return answer.value("result", Json::object());
  }
}

void Chromium::Open(const std::string& url) {
  Call("Page.navigate", {{"url", "about:blank"}});  // a change behind # alone would not load anew
  Call("Page.navigate", {{"url", url}});
  if (!WaitFor("location.href !== 'about:blank' && document.readyState === 'complete'")) {
    throw std::runtime_error(url + " does not load");
  }
}

Json Chromium::Evaluate(const std::string& expression) {
  const Json answer =
      Call("Runtime.evaluate",
           {{"expression", expression}, {"returnByValue", true}, {"awaitPromise", true}});
  if (answer.contains("exceptionDetails")) {
    throw std::runtime_error(expression + ": " + answer["exceptionDetails"].dump());
  }
  return answer["result"].value("value", Json());
}

bool Chromium::WaitFor(const std::string& expression) {
  const auto until = Clock::now() + kPatience;
  do {
    if (Evaluate("Boolean(" + expression + ")") == true) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  } while (Clock::now() < until);
  return false;
}

void Chromium::SetWindow(int width, int height, const std::string& scheme) {
  Call("Emulation.setDeviceMetricsOverride",
       {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", width < 600}});
  Call("Emulation.setEmulatedMedia",
       {{"features", {{{"name", "prefers-color-scheme"}, {"value", scheme}}}}});
}

void Chromium::Mouse(const std::string& type, double x, double y, int buttons) {
  const bool press = type != "mouseMoved";
  Call("Input.dispatchMouseEvent", {{"type", type},
                                    {"x", x},
                                    {"y", y},
                                    {"buttons", buttons},
                                    {"button", press || buttons ? "left" : "none"},
                                    {"clickCount", press ? 1 : 0}});
}

void Chromium::Key(const std::string& key) {
  for (const char* type : {"rawKeyDown", "keyUp"}) {
    Call("Input.dispatchKeyEvent", {{"type", type}, {"key", key}});
  }
}

void Chromium::Screenshot(const std::string& path) {
  const Json shot = Call("Page.captureScreenshot", {{"format", "png"}});
  std::ofstream(path, std::ios::binary) << Base64Decoded(shot["data"].get<std::string>());
}

}  // namespace halfmoon::testing
