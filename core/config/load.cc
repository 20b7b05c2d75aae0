#include "core/config/load.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include <sys/stat.h>
#include <toml++/toml.h>

#include "core/base/read_file.h"
#include "core/base/text.h"

namespace essaim::config {

constexpr std::size_t kMaxFile = 4 * 1024 * 1024;
constexpr std::size_t kMaxErrors = 50;

using Held = std::map<std::string, Value, std::less<>>;

// Walks a parsed file beside the schema. Lives for one load.
class Loader {
 public:
  Loader(std::shared_ptr<const Schema> schema, std::string file) : file_(std::move(file)) {
    values_.schema_ = std::move(schema);
  }

  Result<Values> load(std::string_view text) {
    check_schema(*values_.schema_);
    try {
      const toml::table root = toml::parse(text, file_);
      table(root, "", &values_.root_, "");
      fill(&values_.root_, "", nullptr);
    } catch (const toml::parse_error& e) {
      std::string what(e.description());
      complain(e.source(), escaped_for_display(what));
    } catch (const std::exception& e) {
      return Error{ErrorCode::kInternal, file_ + ": " + e.what()};
    }
    if (errors_.empty()) return std::move(values_);
    std::sort(errors_.begin(), errors_.end(),
              [](const Complaint& a, const Complaint& b) { return a.line < b.line; });
    std::string all;
    for (std::size_t i = 0; i < errors_.size() && i < kMaxErrors; ++i)
      all += (i == 0 ? "" : "\n") + errors_[i].text;
    if (errors_.size() > kMaxErrors) {
      all += "\n" + file_ + ": and " + std::to_string(errors_.size() - kMaxErrors) + " more errors";
    }
    return Error{ErrorCode::kInvalid, all};
  }

 private:
  struct Complaint {
    unsigned line;
    std::string text;
  };

  void complain(const toml::source_region& where, const std::string& what) {
    const unsigned line = where.begin.line;
    std::string text = file_ + ":";
    if (line != 0) text += std::to_string(line) + ":" + std::to_string(where.begin.column) + ":";
    errors_.push_back({line, text + " " + what});
  }

  const Setting* setting(const std::string& name) const {
    for (const Setting& s : values_.schema_->settings) {
      if (s.name == name) return &s;
    }
    return nullptr;
  }

  // Whether `name` is a table, or contains one.
  bool is_table(const std::string& name) const {
    return std::any_of(
        values_.schema_->sections.begin(), values_.schema_->sections.end(),
        [&name](const Section& s) { return s.name == name || s.name.starts_with(name + "."); });
  }

  // `prefix` is where the table stands ("", "delivery.", "listen[]."); `inside` the part of it that is left
  // out in the names of `held`.
  void table(const toml::table& node, const std::string& prefix, Held* held, const std::string& inside) {
    for (const auto& [key, value] : node) {
      const std::string word(key.str());
      const std::string name = prefix + word;
      if (const Setting* s = setting(name)) {
        take(*s, value, held, name.substr(inside.size()), key.source());
      } else if (is_table(name)) {
        if (const toml::table* sub = value.as_table()) {
          table(*sub, name + ".", held, inside);
        } else {
          complain(key.source(), "\"" + name + "\" is a table: write [" + name + "]");
        }
      } else if (is_table(name + "[]")) {
        elements(name, value, key.source());
      } else {
        unknown(prefix, word, key.source());
      }
    }
  }

  void elements(const std::string& name, const toml::node& value, const toml::source_region& where) {
    const toml::array* array = value.as_array();
    const bool right = array != nullptr && std::all_of(array->begin(), array->end(),
                                                       [](const toml::node& n) { return n.is_table(); });
    if (!right) {
      complain(where, "\"" + name + "\" is a list of tables: write [[" + name + "]]");
      return;
    }
    auto& out = values_.arrays_[name + "[]"];
    for (const toml::node& element : *array) {
      Held held;
      const std::string prefix = name + "[].";
      table(*element.as_table(), prefix, &held, prefix);
      fill(&held, prefix, &element.source());
      out.push_back(std::move(held));
    }
  }

  void unknown(const std::string& prefix, const std::string& word, const toml::source_region& where) {
    std::vector<std::string> here;
    std::vector<std::string> everywhere;
    const auto offer = [&](const std::string& name) {
      const std::string bare = name.ends_with("[]") ? name.substr(0, name.size() - 2) : name;
      everywhere.push_back(key_of(bare));
      if (bare.starts_with(prefix))
        here.push_back(bare.substr(prefix.size(), bare.find('.', prefix.size()) - prefix.size()));
    };
    for (const Setting& s : values_.schema_->settings) offer(s.name);
    for (const Section& s : values_.schema_->sections) offer(s.name);
    std::string text = "unknown setting \"" + escaped_for_display(word, 100) + "\"";
    if (!prefix.empty()) text += " in [" + prefix.substr(0, prefix.size() - 1) + "]";
    std::string meant = nearest(word.substr(0, 100), here);
    if (meant.empty()) {
      // Right name, wrong table.
      for (const Setting& s : values_.schema_->settings) {
        if (key_of(s.name) == word) meant = s.name;
      }
    }
    if (meant.empty()) {
      for (const std::string& candidate : {nearest(word.substr(0, 100), everywhere)}) {
        if (candidate.empty()) continue;
        for (const Setting& s : values_.schema_->settings) {
          if (meant.empty() && key_of(s.name) == candidate) meant = s.name;
        }
      }
    }
    if (!meant.empty()) text += "; did you mean \"" + meant + "\"?";
    complain(where, text);
  }

  // The text of a scalar as wrong_with reads it; an error if TOML's type cannot be meant.
  static Result<std::string> text_of(const Setting& s, const toml::node& node) {
    const auto wrong = [](std::string what) { return Error{ErrorCode::kInvalid, std::move(what)}; };
    switch (s.type) {
      case Type::kBool:
        if (const auto* v = node.as_boolean()) return std::string(v->get() ? "true" : "false");
        return wrong("must be true or false, without quotes");
      case Type::kInteger:
        if (const auto* v = node.as_integer()) return std::to_string(v->get());
        return wrong("must be an integer, without quotes");
      case Type::kSize:
        if (const auto* v = node.as_integer()) return std::to_string(v->get());
        break;
      case Type::kDuration:
        if (node.is_number()) return wrong(R"(needs a unit; write "90s", "15m", "1h30m" or "5d")");
        break;
      default:
        break;
    }
    if (const auto* v = node.as_string()) return v->get();
    return wrong("must be a string in quotes");
  }

  void take(const Setting& s, const toml::node& node, Held* held, const std::string& key,
            const toml::source_region& where) {
    Value value;
    value.from_file = true;
    value.line = static_cast<int>(where.begin.line);
    const auto take_one = [&](const toml::node& one) {
      const Result<std::string> text = text_of(s, one);
      std::string wrong = text ? wrong_with(s, *text) : text.error().message;
      if (wrong.empty() && s.required && text->empty()) wrong = "must not be empty";
      // An empty text unsets an optional setting.
      if (!wrong.empty() && text && text->empty() && !s.required && !is_list(s.type) &&
          (s.type == Type::kAddress || s.type == Type::kString)) {
        wrong.clear();
      } else if (wrong.empty() && s.check != nullptr && !text->empty()) {
        wrong = s.check(*text);
      }
      if (wrong.empty()) {
        value.texts.push_back(*text);
        return;
      }
      const std::string shown = text && !s.secret ? " \"" + escaped_for_display(*text, 100) + "\"" : "";
      complain(one.source(), "\"" + s.name + "\"" + (shown.empty() ? "" : ":" + shown) + " " + wrong);
    };
    if (!is_list(s.type)) {
      take_one(node);
    } else if (const toml::array* array = node.as_array()) {
      for (const toml::node& one : *array) take_one(one);
      if (s.required && array->empty()) complain(where, "\"" + s.name + "\" must not be empty");
    } else {
      complain(node.source(), "\"" + s.name + "\" must be a list: [\"...\", \"...\"]");
    }
    (*held)[key] = std::move(value);
  }

  // Gives every setting of a table that the file did not name its default.
  void fill(Held* held, const std::string& prefix, const toml::source_region* element) {
    for (const Setting& s : values_.schema_->settings) {
      const bool in_element = s.name.find("[]") != std::string::npos;
      if (!s.name.starts_with(prefix) || in_element != !prefix.empty()) continue;
      const std::string key = s.name.substr(prefix.size());
      if (held->contains(key)) continue;
      if (s.required) {
        complain(
            element == nullptr ? toml::source_region{} : *element,
            "missing setting \"" + s.name + "\"; for example " + key_of(s.name) + " = \"" + s.example + "\"");
        continue;
      }
      Value value;
      value.texts = default_texts(s);
      held->emplace(key, std::move(value));
    }
  }

  const std::string file_;
  Values values_;
  std::vector<Complaint> errors_;
};

Result<Values> load_text(std::shared_ptr<const Schema> schema, std::string_view text,
                         const std::string& name) {
  return Loader(std::move(schema), name).load(text);
}

Result<Values> load_file(std::shared_ptr<const Schema> schema, const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) {
    return Error{errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, path + ": " + std::strerror(errno)};
  }
  if (!S_ISREG(about.st_mode)) return Error{ErrorCode::kIo, path + ": not a regular file"};
  if (static_cast<std::size_t>(about.st_size) > kMaxFile)
    return Error{ErrorCode::kInvalid, path + ": too large"};
  const auto text = read_file(path);
  if (!text.ok()) return text.error();
  return load_text(std::move(schema), *text, path);
}

}  // namespace essaim::config
