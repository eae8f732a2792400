#include "cli/self_description.h"

#include <algorithm>
#include <vector>

#include "cli/help_text.h"

namespace halfmoon::cli {
namespace {

// In the order of --help.
std::vector<const CLI::Option*> AllOptions(const CLI::App& app) {
  std::vector<const CLI::Option*> all;
  for (const std::string& group : OptionGroups(app)) {
    for (const CLI::Option* o : OptionsOf(app, group)) all.push_back(o);
  }
  return all;
}

// Text for roff: no accidental requests, no hyphens that a copy would not find again.
std::string Roff(const std::string& text) {
  std::string out;
  bool start = true;
  for (const char c : text) {
    if (start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    start = c == '\n';
  }
  return out;
}

std::string Upper(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return text;
}

std::string Synopsis(const CLI::App& app, const std::string& name) {
  std::string text = ".B " + Roff(name) + "\n[\\fIoptions\\fR]";
  for (const CLI::Option* o : Positionals(app)) {
    text += " \\fI" + Roff(PositionalText(*o)) + "\\fR";
  }
  return text + "\n";
}

std::string OptionText(const CLI::Option& o, bool positional) {
  std::string head = positional ? "\\fI" + Roff(o.get_type_name()) + "\\fR" : "";
  for (const std::string& n : Names(o))
    head += (head.empty() ? "" : ", ") + ("\\fB" + Roff(n) + "\\fR");
  if (!positional && !IsFlag(o)) head += " \\fI" + Roff(o.get_type_name()) + "\\fR";
  return ".TP\n" + head + "\n" + Roff(o.get_description()) + "\n";
}

// Single quotes for bash and zsh.
std::string Quote(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

// Inside single quotes fish knows \' and \\.
std::string FishQuote(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

// "_arguments" reads brackets and colons itself.
std::string ZshText(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// Words with blanks between them.
std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string BashCompletion(const CLI::App& program) {
  std::string names, cases, values;
  for (const CLI::App* c : Commands(program)) {
    names += (names.empty() ? "" : " ") + c->get_name();
    std::string options;
    for (const CLI::Option* o : AllOptions(*c)) {
      const std::string choices = Joined(Choices(*o));
      for (const std::string& n : Names(*o)) {
        options += (options.empty() ? "" : " ") + n;
        if (!choices.empty()) {
          values += "    " + c->get_name() + ":" + n + ") values=" + Quote(choices) + " ;;\n";
        }
      }
    }
    cases += "    " + c->get_name() + ") options=" + Quote(options) + " ;;\n";
  }
  return "# bash completion of halfmoon; made by 'halfmoon completion bash'\n"
         "_halfmoon() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} options= values=\n"
         "  if ((COMP_CWORD == 1)); then\n"
         "    COMPREPLY=($(compgen -W " +
         Quote(names + " --help --version") +
         " -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]} in\n" +
         cases +
         "  esac\n"
         "  case ${COMP_WORDS[1]}:${COMP_WORDS[COMP_CWORD - 1]} in\n" +
         values +
         "  esac\n"
         "  if [[ -n $values ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$values\" -- \"$word\"))\n"
         "  elif [[ $word == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _halfmoon halfmoon\n";
}

std::string ZshCompletion(const CLI::App& program) {
  std::string commands, cases;
  for (const CLI::App* c : Commands(program)) {
    commands += "    " + Quote(ZshText(c->get_name()) + ":" + c->get_description()) + "\n";
    cases += "    " + c->get_name() + ")\n      _arguments \\\n";
    for (const CLI::Option* o : AllOptions(*c)) {
      for (const std::string& n : Names(*o)) {
        std::string value;
        const std::string choices = Joined(Choices(*o));
        if (!IsFlag(*o)) {
          value = ":" + ZshText(o->get_type_name()) + ":";
          value += choices.empty() ? "_files" : "(" + choices + ")";
        }
        cases +=
            "        " + Quote(n + "[" + ZshText(o->get_description()) + "]" + value) + " \\\n";
      }
    }
    cases += "        '*:file:_files'\n      ;;\n";
  }
  return "#compdef halfmoon\n"
         "# zsh completion of halfmoon; made by 'halfmoon completion zsh'\n"
         "_halfmoon() {\n"
         "  local -a commands\n"
         "  commands=(\n" +
         commands +
         "  )\n"
         "  if ((CURRENT == 2)); then\n"
         "    _describe command commands\n"
         "    return\n"
         "  fi\n"
         "  local command=$words[2]\n"
         "  shift words\n"
         "  ((CURRENT--))\n"
         "  case $command in\n" +
         cases +
         "  esac\n"
         "}\n"
         "_halfmoon \"$@\"\n";
}

std::string FishCompletion(const CLI::App& program) {
  std::string text = "# fish completion of halfmoon; made by 'halfmoon completion fish'\n";
  for (const CLI::App* c : Commands(program)) {
    text += "complete -c halfmoon -n __fish_use_subcommand -f -a " + c->get_name() + " -d " +
            FishQuote(c->get_description()) + "\n";
  }
  for (const CLI::App* c : Commands(program)) {
    for (const CLI::Option* o : AllOptions(*c)) {
      text += "complete -c halfmoon -n '__fish_seen_subcommand_from " + c->get_name() + "'";
      for (const std::string& n : o->get_snames()) text += " -s " + n;
      for (const std::string& n : o->get_lnames()) text += " -l " + n;
      if (const std::string choices = Joined(Choices(*o)); !choices.empty()) {
        text += " -x -a " + FishQuote(choices);
      } else if (!IsFlag(*o)) {
        text += " -r";
      }
      text += " -d " + FishQuote(o->get_description()) + "\n";
    }
  }
  return text;
}

}  // namespace

std::string ManPage(const CLI::App& program, const std::string& command,
                    const std::string& version) {
  const CLI::App& app = command.empty() ? program : *program.get_subcommand(command);
  const std::string page = "halfmoon" + (command.empty() ? "" : "-" + command);
  std::string text = ".TH " + Roff(Upper(page)) + " 1 \"\" \"halfmoon " + version +
                     "\" \"User Commands\"\n" + ".SH NAME\n" + Roff(page) + " \\- " +
                     Roff(app.get_description()) + "\n" + ".SH SYNOPSIS\n" +
                     (command.empty() ? ".B halfmoon\n\\fIcommand\\fR [\\fIoptions\\fR] ...\n"
                                      : Synopsis(app, "halfmoon " + command));
  if (command.empty()) {
    text += ".SH COMMANDS\n";
    for (const CLI::App* c : Commands(program)) {
      text += ".TP\n\\fB" + Roff(c->get_name()) + "\\fR\n" + Roff(c->get_description()) + "\n";
    }
  }
  if (const auto positional = Positionals(app); !positional.empty()) {
    text += ".SH ARGUMENTS\n";
    for (const CLI::Option* o : positional) text += OptionText(*o, true);
  }
  text += ".SH OPTIONS\n";
  for (const std::string& group : OptionGroups(app)) {
    text += ".SS " + Roff(group) + "\n";
    for (const CLI::Option* o : OptionsOf(app, group)) text += OptionText(*o, false);
  }
  // Examples and exit codes, line by line as --help shows them.
  text += ".SH NOTES\n.nf\n" + Roff(app.get_footer()) + "\n.fi\n";
  if (!command.empty()) {
    text += ".SH SEE ALSO\n.BR halfmoon (1)\n";
  } else {
    text += ".SH SEE ALSO\n";
    for (const CLI::App* c : Commands(program))
      text += ".BR halfmoon\\-" + Roff(c->get_name()) + " (1)\n";
  }
  return text;
}

std::string Completion(const CLI::App& program, Shell shell) {
  switch (shell) {
    case Shell::kBash: return BashCompletion(program);
    case Shell::kZsh: return ZshCompletion(program);
    case Shell::kFish: return FishCompletion(program);
  }
  return "";
}

}  // namespace halfmoon::cli
