#include "cli/help_text.h"

#include <algorithm>
#include <sstream>

namespace halfmoon::cli {
namespace {

constexpr std::size_t kDescriptionColumn = 30;
constexpr char kFirstGroup[] = "Options";  // CLI11's name of the group of --help

bool IsForExperts(const std::string& group) {
  return group == kLimitsGroup || group == kExpertGroup;
}

// `head`, and beside or below it `text` in the columns from `column` on.
std::string Entry(const std::string& head, const std::string& text, std::size_t column) {
  std::string out = head, line(column, ' ');
  if (head.size() + 2 > column) {
    out += "\n";
  } else {
    line = std::string(column - head.size(), ' ');
  }
  std::size_t width = column;
  std::istringstream words(text);
  bool first = true;
  for (std::string word; words >> word; first = false) {
    if (!first && width + 1 + word.size() > kHelpColumns) {
      out += line + "\n";
      line = std::string(column, ' ');
      width = column;
      first = true;
    }
    line += (first ? "" : " ") + word;
    width += (first ? 0 : 1) + word.size();
  }
  return out + line + "\n";
}

std::string OptionHead(const CLI::Option& o) {
  const bool has_short = !o.get_snames().empty();
  std::string head = has_short ? "  " : "      ", names;
  for (const std::string& n : Names(o)) names += (names.empty() ? "" : ", ") + n;
  head += names;
  return IsFlag(o) ? head : head + " " + o.get_type_name();
}

std::string OptionText(const CLI::Option& o) {
  return o.get_description() + (o.get_required() && !o.get_positional() ? " (required)" : "");
}

std::string Usage(const CLI::App& app, const std::string& name) {
  if (!Commands(app).empty()) return "Usage: " + name + " COMMAND [options] ...\n";
  std::string text = "Usage: " + name + " [options]";
  for (const CLI::Option* o : Positionals(app)) text += " " + PositionalText(*o);
  return text + "\n";
}

std::string Help(const CLI::App& app, const std::string& name, bool all) {
  std::string text = app.get_description() + "\n" + Usage(app, name);
  if (const auto commands = Commands(app); !commands.empty()) {
    text += "\nCommands:\n";
    for (const CLI::App* c : commands) {
      text += Entry("  " + c->get_name(), c->get_description(), 16);
    }
  }
  if (const auto positionals = Positionals(app); !positionals.empty()) {
    text += "\n";
    for (const CLI::Option* o : positionals) {
      text += Entry("  " + o->get_type_name(), o->get_description(), kDescriptionColumn);
    }
  }
  std::string hidden;
  for (const std::string& group : OptionGroups(app)) {
    if (!all && IsForExperts(group)) {
      for (const CLI::Option* o : OptionsOf(app, group)) {
        hidden += (hidden.empty() ? "" : ", ") + Names(*o).back();
      }
      continue;
    }
    text += "\n" + group + ":\n";
    for (const CLI::Option* o : OptionsOf(app, group)) {
      text += Entry(OptionHead(*o), OptionText(*o), kDescriptionColumn);
    }
  }
  if (!hidden.empty()) text += "\n" + Entry("With --help-all also:", hidden, 23);
  if (!app.get_footer().empty()) text += "\n" + app.get_footer() + "\n";
  return text;
}

}  // namespace

bool IsFlag(const CLI::Option& option) { return option.get_items_expected_max() == 0; }

std::vector<std::string> Names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& n : option.get_snames()) names.push_back("-" + n);
  for (const std::string& n : option.get_lnames()) names.push_back("--" + n);
  return names;
}

std::vector<std::string> Choices(const CLI::Option& option) {
  std::vector<std::string> words;
  std::istringstream type(option.get_type_name());
  for (std::string word; std::getline(type, word, '|');) words.push_back(word);
  if (words.size() < 2) words.clear();
  return words;
}

std::string PositionalText(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const bool many = option.get_items_expected_max() > 1 && type.find("...") == type.npos;
  return (option.get_required() ? type : "[" + type + "]") + (many ? " ..." : "");
}

std::vector<std::string> OptionGroups(const CLI::App& app) {
  std::vector<std::string> groups;
  for (const CLI::Option* o : app.get_options()) {
    const std::string& group = o->get_group();
    if (o->get_positional() || group.empty()) continue;
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  const auto rank = [](const std::string& group) {
    return group == kFirstGroup ? 0 : group == kLimitsGroup ? 2 : group == kExpertGroup ? 3 : 1;
  };
  std::stable_sort(groups.begin(), groups.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return groups;
}

std::vector<const CLI::Option*> OptionsOf(const CLI::App& app, const std::string& group) {
  return app.get_options([&](const CLI::Option* o) {
    return !o->get_positional() && !group.empty() && o->get_group() == group;
  });
}

std::vector<const CLI::Option*> Positionals(const CLI::App& app) {
  return app.get_options(
      [](const CLI::Option* o) { return o->get_positional() && !o->get_group().empty(); });
}

std::vector<const CLI::App*> Commands(const CLI::App& program) {
  return program.get_subcommands([](const CLI::App* c) { return !c->get_group().empty(); });
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode mode) const {
  const bool all = mode == CLI::AppFormatMode::All;
  std::string text = Help(*app, name, all);
  if (all) {
    for (const CLI::App* c : Commands(*app)) {
      text += "\n\n" + Help(*c, name + " " + c->get_name(), true);
    }
  }
  return text;
}

}  // namespace halfmoon::cli
