// A headless Chromium for tests, driven through its DevTools protocol over two pipes, so that
// neither a port nor a web socket is needed. POSIX.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace halfmoon::testing {

class Chromium {
 public:
  // Path of the program, or empty when the machine has none. HALFMOON_CHROMIUM overrides it.
  static std::string Find();

  // Starts `program` with an empty profile and opens one empty page. Throws std::runtime_error when
  // that fails, as all members do when the browser does not answer in time.
  explicit Chromium(const std::string& program);
  ~Chromium();
  Chromium(const Chromium&) = delete;
  Chromium& operator=(const Chromium&) = delete;

  // One command to the page; its result.
  nlohmann::json Call(const std::string& method,
                      nlohmann::json parameters = nlohmann::json::object());
  void Open(const std::string& url);
  // The value of a JavaScript expression; promises are awaited. Throws when it throws.
  nlohmann::json Evaluate(const std::string& expression);
  // Evaluates until the result is true; false after 60 seconds.
  bool WaitFor(const std::string& expression);
  void SetWindow(int width, int height, const std::string& scheme = "light");
  void Mouse(const std::string& type, double x, double y, int buttons = 0);
  void Key(const std::string& key);
  void Screenshot(const std::string& path);

  // What the page complained about: console errors and warnings, exceptions, log entries.
  const std::vector<std::string>& complaints() const { return complaints_; }
  // Addresses asked for that are neither files nor inside the page.
  const std::vector<std::string>& foreign_requests() const { return foreign_requests_; }
  void Forget() {
    complaints_.clear();
    foreign_requests_.clear();
  }

 private:
  void Send(const nlohmann::json& message);
  nlohmann::json Receive(std::chrono::steady_clock::time_point until);
  void Note(const nlohmann::json& event);

  pid_t process_ = -1;
  int to_ = -1, from_ = -1;
  int next_ = 1;
  std::string buffer_, session_, profile_;
  std::vector<std::string> complaints_, foreign_requests_;
};

}  // namespace halfmoon::testing
