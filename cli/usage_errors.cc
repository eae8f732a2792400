#include "cli/usage_errors.h"

#include <algorithm>
#include <filesystem>

#include "cli/help_text.h"

namespace halfmoon::cli {
namespace {

// Letters to insert, leave out, replace or swap with their neighbour (Damerau and Levenshtein).
std::size_t Distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t k = 0; k <= b.size(); ++k) {
      if (i == 0 || k == 0) {
        d[i][k] = i + k;
        continue;
      }
      const std::size_t changed = a[i - 1] == b[k - 1] ? 0 : 1;
      d[i][k] = std::min({d[i - 1][k] + 1, d[i][k - 1] + 1, d[i - 1][k - 1] + changed});
      if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1]) {
        d[i][k] = std::min(d[i][k], d[i - 2][k - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

std::string See(const std::string& command) {
  return "; see 'halfmoon " + (command.empty() ? "" : command + " ") + "--help'";
}

std::string UnknownOptionText(const CLI::App& command, const std::string& argument) {
  const std::string word = argument.substr(0, argument.find('='));
  std::vector<std::string> names;
  for (const CLI::Option* o : command.get_options()) {
    if (o->get_group().empty()) continue;
    for (const std::string& n : Names(*o)) names.push_back(n);
  }
  const std::string near = word.size() > 2 ? Nearest(word, names) : "";
  return "unknown option '" + word + "'" + (near.empty() ? "" : "; did you mean " + near + "?");
}

}  // namespace

std::string Nearest(const std::string& word, const std::vector<std::string>& names) {
  std::string best;
  // A third of the letters may be wrong.
  std::size_t least = word.size() / 3 + 1;
  for (const std::string& name : names) {
    const std::size_t distance = Distance(word, name);
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

std::string UnknownCommandText(const CLI::App& app, const std::string& word) {
  std::error_code ignored;
  if (std::filesystem::exists(word, ignored)) {
    return "unknown command '" + word + "'; to compress that file: 'halfmoon compress " + word +
           "'";
  }
  std::vector<std::string> names;
  for (const CLI::App* c : Commands(app)) names.push_back(c->get_name());
  const std::string near = Nearest(word, names);
  return "unknown command '" + word + "'" +
         (near.empty() ? See("") : "; did you mean '" + near + "'?");
}

std::string ParseErrorText(const CLI::App& app, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ValidationError*>(&error) != nullptr) {
    return error.what();  // says what is legal
  }
  const auto chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  const std::string see = See(chosen.empty() ? "" : command.get_name());
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const std::vector<std::string> extras = command.remaining();
    const auto option = std::find_if(extras.begin(), extras.end(),
                                     [](const std::string& e) { return e.starts_with('-'); });
    if (option != extras.end()) {
      const std::string text = UnknownOptionText(command, *option);
      return text.ends_with('?') ? text : text + see;
    }
    if (!extras.empty()) return "'" + extras.front() + "' was not expected" + see;
  }
  return error.what() + see;
}

}  // namespace halfmoon::cli
