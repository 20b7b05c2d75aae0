#include "lists/directory_text.h"

#include <array>
#include <sstream>

#include <toml++/toml.h>

#include "core/base/text.h"
#include "lists/names.h"
#include "lists/templates/catalogue.h"
#include "storage/reception.h"

namespace essaim::lists {
namespace {

using storage::Role;

constexpr std::array<std::pair<Role, std::string_view>, 3> kRoles = {{
    {Role::kOwner, "owners"},
    {Role::kEditor, "editors"},
    {Role::kMember, "members"},
}};

// A basic string of TOML.
std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 32 || c == 127) {
      constexpr char kHex[] = "0123456789ABCDEF";
      out += "\\u00";
      out.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
      out.push_back(kHex[static_cast<unsigned char>(c) & 15]);
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

void write_settings(const Settings& settings, std::string* out) {
  for (const auto& [name, value] : settings) *out += name + " = " + toml_string(value) + "\n";
}

// Reads the tree that the TOML library made, gathering every mistake.
class DirectoryReader {
 public:
  explicit DirectoryReader(const toml::table& root) {
    for (const auto& [key, node] : root) {
      if (key.str() == "domains") {
        for_each_table(
            node, [this](const std::string& name, const toml::table& table) { read_domain(name, table); });
      } else if (key.str() == "lists") {
        for_each_table(node,
                       [this](const std::string& name, const toml::table& table) { read_list(name, table); });
      } else {
        wrong(node, "there is no '" + escaped_for_display(key.str(), 80) + "'; there are domains and lists");
      }
    }
  }

  Result<DirectoryText> finish() {
    check_former();
    if (errors_.empty()) return std::move(out_);
    return Error{ErrorCode::kInvalid, joined(errors_, "\n")};
  }

 private:
  void wrong(const toml::node& node, const std::string& what) {
    errors_.push_back("line " + std::to_string(node.source().begin.line) + ": " + what);
  }

  template <typename Each>
  void for_each_table(const toml::node& node, Each each) {
    const toml::table* const tables = node.as_table();
    if (tables == nullptr) return wrong(node, "a table is expected here");
    for (const auto& [key, child] : *tables) {
      if (const toml::table* const table = child.as_table()) {
        each(std::string(key.str()), *table);
      } else {
        wrong(child, "'" + escaped_for_display(key.str(), 80) + "' must be a table");
      }
    }
  }

  void read_settings(const toml::table& table, Settings* settings) {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const auto value = node.value<std::string>();
      if (!value) {
        wrong(node, name + ": settings are strings, in quotation marks");
      } else if (const auto checked = check_setting(name, *value); !checked.ok()) {
        wrong(node, checked.error().message);
      } else {
        (*settings)[name] = *value;
      }
    }
  }

  void read_domain(const std::string& name, const toml::table& table) {
    const auto checked = checked_domain(name);
    if (!checked.ok()) return wrong(table, checked.error().message);
    read_settings(table, &out_.domains[*checked]);
  }

  void read_list(const std::string& name, const toml::table& table) {
    const auto address = checked_list(name);
    if (!address.ok()) return wrong(table, address.error().message);
    if (const std::string bad = wrong_with_list_name(address->local); !bad.empty())
      return wrong(table,
                   "a list cannot be called '" + escaped_for_display(address->local, 80) + "': " + bad);
    const auto [place, fresh] = out_.lists.try_emplace(address->to_string());
    if (!fresh) return wrong(table, "the list " + address->to_string() + " is here twice");
    ListText& list = place->second;
    for (const auto& [key, node] : table) {
      if (key.str() == "closed" && node.is_boolean()) {
        list.closed = *node.value<bool>();
      } else if (key.str() == "former" && node.is_array()) {
        read_former(*node.as_array(), &list.former.emplace());
      } else if (key.str() == "settings" && node.is_table()) {
        read_settings(*node.as_table(), &list.settings);
      } else if (!read_people(key.str(), node, &list)) {
        wrong(node, "'" + escaped_for_display(key.str(), 80) +
                        "' is not understood; a list has closed (true or false), former, owners, editors, "
                        "members (arrays) and settings (a table)");
      }
    }
  }

  void read_former(const toml::array& names, std::set<std::string>* former) {
    for (const toml::node& entry : names) {
      const auto name = entry.value<std::string>();
      const auto address =
          name ? checked_list(*name) : Error{ErrorCode::kInvalid, "a former name is a string"};
      if (!address.ok()) {
        wrong(entry, address.error().message);
      } else if (const std::string bad = taken_by_the_site(address->local); !bad.empty()) {
        wrong(entry, "'" + escaped_for_display(address->local, 80) + "' is no former name: " + bad);
      } else if (!former->insert(address->to_string()).second) {
        wrong(entry, address->to_string() + " is here twice");
      }
    }
  }

  // Mail to a name is one list's.
  void check_former() {
    std::map<std::string, std::string> lists;  // by former name
    for (const auto& [address, list] : out_.lists) {
      if (!list.former) continue;
      for (const std::string& name : *list.former) {
        if (out_.lists.contains(name))
          errors_.push_back("list " + address + ": " + name + " is no former name, it is a list of the text");
        const auto [other, fresh] = lists.try_emplace(name, address);
        if (!fresh)
          errors_.push_back("list " + address + ": " + name + " is a former name of " + other->second +
                            ", too");
      }
    }
  }

  bool read_people(std::string_view key, const toml::node& node, ListText* list) {
    for (const auto& [role, name] : kRoles) {
      if (key != name || !node.is_array()) continue;
      People& people = list->people[role];
      for (const toml::node& entry : *node.as_array()) {
        const auto line = entry.value<std::string_view>();
        auto person = line ? parse_person(*line) : Error{ErrorCode::kInvalid, "a member is a string"};
        if (!person.ok()) {
          wrong(entry, person.error().message);
          continue;
        }
        if (role != Role::kMember && person->reception != storage::Reception::kEach &&
            person->reception != storage::Reception::kNone) {
          wrong(entry, "only members have " + std::string(to_string(person->reception)));
          continue;
        }
        if (role != Role::kOwner && person->options.privileged) {
          wrong(entry, "only owners are privileged");
          continue;
        }
        std::pair key_of{person->address.domain, person->address.local_key()};
        if (!people.try_emplace(std::move(key_of), std::move(*person)).second)
          wrong(entry, escaped_for_display(*line, 256) + " is here twice");
      }
      return true;
    }
    return false;
  }

  DirectoryText out_;
  std::vector<std::string> errors_;
};

}  // namespace

namespace {

// Quotes around a name and white space at its ends would be lost when it is read (member_lines.cc).
std::string written_name(const std::string& name) {
  const bool in_quotes = name.size() >= 2 && name.front() == '"' && name.back() == '"';
  if (!in_quotes && trimmed(name) == name) return name;
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

std::string flags_of(const PersonText& person) {
  std::string out;
  const auto say = [&out](std::string_view flag) { out.append(out.empty() ? "" : ", ").append(flag); };
  if (person.reception == storage::Reception::kNone)
    say("off");
  else if (person.reception != storage::Reception::kEach)
    say(to_string(person.reception));
  if (person.options.conceal) say(*person.options.conceal ? "concealed" : "shown");
  if (person.options.privileged) say(*person.options.privileged ? "privileged" : "unprivileged");
  if (person.options.language) say(*person.options.language);
  return out;
}

Result<void> read_flag(std::string_view flag, PersonText* person) {
  if (flag == "off") {
    person->reception = storage::Reception::kNone;
  } else if (const auto reception = storage::parse_reception(flag)) {
    person->reception = *reception;
  } else if (flag == "concealed" || flag == "shown") {
    person->options.conceal = flag == "concealed";
  } else if (flag == "privileged" || flag == "unprivileged") {
    person->options.privileged = flag == "privileged";
  } else if (is_language(flag)) {
    person->options.language = flag;
  } else {
    return Error{ErrorCode::kInvalid,
                 "(" + escaped_for_display(flag, 80) +
                     ") is not understood; there are off, digest, digestplain, summary, not_me, "
                     "concealed, shown, privileged, unprivileged and languages, as fr"};
  }
  return {};
}

}  // namespace

std::string person_line(const PersonText& person) {
  std::string out = person.address.to_string();
  if (!person.name.empty()) out = written_name(person.name) + " <" + out + ">";
  const std::string flags = flags_of(person);
  return flags.empty() ? out : out + " (" + flags + ")";
}

Result<PersonText> parse_person(std::string_view line) {
  PersonText person;
  const auto open = line.ends_with(')') ? line.rfind(" (") : line.npos;
  if (open != line.npos) {
    for (const std::string_view flag : split(line.substr(open + 2, line.size() - open - 3), ','))
      ESSAIM_TRY(read_flag(trimmed(flag), &person));
    line = line.substr(0, open);
  }
  auto member = read_member_line(line);
  if (!member.ok()) return member.error();
  person.address = std::move(member->address);
  person.name = std::move(member->name);
  return person;
}

Result<void> write_directory(const DirectoryText& directory, const ReadPeople& read, const WriteText& write) {
  constexpr std::size_t kAtOnce = std::size_t{64} * 1024;
  std::string out = "# Domains, lists and members of this site; read by: essaim config apply\n";
  const auto write_when = [&out, &write](std::size_t size) -> Result<void> {
    if (out.size() < size) return {};
    ESSAIM_TRY(write(out));
    out.clear();
    return {};
  };
  for (const auto& [name, settings] : directory.domains) {
    out += "\n[domains." + toml_string(name) + "]\n";
    write_settings(settings, &out);
    ESSAIM_TRY(write_when(kAtOnce));
  }
  for (const auto& [address, list] : directory.lists) {
    out += "\n[lists." + toml_string(address) + "]\n";
    if (list.closed) out += "closed = true\n";
    if (list.former && !list.former->empty()) {
      out += "former = [";
      for (const std::string& name : *list.former) out += "\n  " + toml_string(name) + ",";
      out += "\n]\n";
    }
    for (const auto& [role, name] : kRoles) {
      if (!list.people.contains(role)) continue;
      out += std::string(name) + " = [";
      bool any = false;
      ESSAIM_TRY(read(address, role, [&](const PersonText& person) -> Result<void> {
        any = true;
        out += "\n  " + toml_string(person_line(person)) + ",";
        return write_when(kAtOnce);
      }));
      out += any ? "\n]\n" : "]\n";
    }
    if (!list.settings.empty()) {
      out += "[lists." + toml_string(address) + ".settings]\n";
      write_settings(list.settings, &out);
    }
    ESSAIM_TRY(write_when(kAtOnce));
  }
  return write_when(0);
}

Result<DirectoryText> read_directory(const std::string& text) {
  try {
    const toml::table root = toml::parse(text);
    return DirectoryReader(root).finish();
  } catch (const toml::parse_error& e) {
    return Error{ErrorCode::kInvalid,
                 "line " + std::to_string(e.source().begin.line) + ": " + std::string(e.description())};
  }
}

}  // namespace essaim::lists
