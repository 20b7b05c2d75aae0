#include "core/config/render.h"

#include <algorithm>

#include "core/base/text.h"

namespace essaim::config {
namespace {

constexpr std::size_t kWidth = 100;

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      const char* digits = "0123456789ABCDEF";
      out += "\\u00";
      out += digits[static_cast<unsigned char>(c) >> 4];
      out += digits[c & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

bool is_bare(const Setting& s, const std::string& text) {
  return s.type == Type::kBool || s.type == Type::kInteger ||
         (s.type == Type::kSize && parse_u64(text).has_value());
}

std::string toml_of(const Setting& s, const std::vector<std::string>& texts) {
  if (!is_list(s.type)) {
    const std::string text = texts.empty() ? "" : texts[0];
    return is_bare(s, text) ? text : quoted(text);
  }
  std::string out = "[";
  for (std::size_t i = 0; i < texts.size(); ++i) out += (i == 0 ? "" : ", ") + quoted(texts[i]);
  return out + "]";
}

std::string comment(const std::string& text) {
  std::string out;
  std::string line = "#";
  for (std::string_view word : split(text, ' ')) {
    if (line.size() + 1 + word.size() > kWidth && line.size() > 1) {
      out += line + "\n";
      line = "#";
    }
    line += " " + std::string(word);
  }
  return out + line + "\n";
}

// The facts of a row in words: "size, 1K to 1G; default 25M; a reload applies it".
std::string facts(const Setting& s) {
  std::string out = to_string(s.type);
  if (!s.unit.empty()) out += " (" + s.unit + ")";
  if (s.type == Type::kEnum) {
    out.clear();
    for (std::size_t i = 0; i < s.choices.size(); ++i) {
      out += (i == 0 ? "" : i + 1 == s.choices.size() ? " or " : ", ") + quoted(s.choices[i]);
    }
  }
  const auto shown = [&s](std::int64_t n) {
    if (s.type == Type::kSize) return format_size(static_cast<std::uint64_t>(n));
    if (s.type == Type::kDuration) return format_duration(std::chrono::milliseconds(n));
    return std::to_string(n);
  };
  if (s.type == Type::kInteger || s.type == Type::kSize || s.type == Type::kDuration) {
    if (s.maximum != std::numeric_limits<std::int64_t>::max()) {
      out += ", " + shown(s.minimum) + " to " + shown(s.maximum);
    } else if (s.minimum > 0) {
      out += ", at least " + shown(s.minimum);
    }
  }
  if (s.required) {
    out += "; required";
  } else if (s.default_value.empty()) {
    out += "; not set by default";
  } else {
    out += "; default " + toml_of(s, default_texts(s));
  }
  out += s.reloadable ? "; applied by a reload" : "; needs a restart";
  return out;
}

// Settings outside tables first, then the tables in their order.
std::vector<Section> sections_of(const Schema& schema) {
  std::vector<Section> out{{"", "", false}};
  out.insert(out.end(), schema.sections.begin(), schema.sections.end());
  return out;
}

std::string heading(const std::string& name) {
  return name.ends_with("[]") ? "[[" + name.substr(0, name.size() - 2) + "]]" : "[" + name + "]";
}

void append_effective(const Schema& schema, const std::string& table, const View& view, std::string* out) {
  for (const Setting& s : schema.settings) {
    if (table_of(s.name) != table) continue;
    const std::string key = key_of(s.name);
    // Below a view of an array's element names are relative to it; below the root they are whole.
    const std::string name = table.ends_with("[]") ? key : s.name;
    if (s.optional && !view.is_set(name)) continue;
    std::vector<std::string> texts;
    switch (s.type) {
      case Type::kStrings:
        texts = view.strings(name);
        break;
      case Type::kAddresses:
        for (const HostPort& a : view.addresses(name)) {
          texts.push_back((a.host.find(':') == std::string::npos ? a.host : "[" + a.host + "]") + ":" +
                          std::to_string(a.port));
        }
        break;
      case Type::kAddress: {
        const HostPort a = view.address(name);
        if (!a.host.empty()) {
          texts.push_back((a.host.find(':') == std::string::npos ? a.host : "[" + a.host + "]") + ":" +
                          std::to_string(a.port));
        }
        break;
      }
      case Type::kBool:
        texts.emplace_back(view.boolean(name) ? "true" : "false");
        break;
      case Type::kInteger:
        texts.push_back(std::to_string(view.integer(name)));
        break;
      case Type::kDuration:
        texts.push_back(format_duration(view.duration(name)));
        break;
      case Type::kSize:
        texts.push_back(format_size(view.size(name)));
        break;
      case Type::kString:
      case Type::kEnum:
        texts.push_back(view.string(name));
        break;
    }
    if (s.secret && view.is_set(name)) texts = {"(hidden)"};
    *out += key + " = " + toml_of(s, texts) + (view.from_file(name) ? "\n" : "  # default\n");
  }
}

}  // namespace

std::string roff(std::string_view text) {
  std::string out;
  if (text.starts_with(".") || text.starts_with("'")) out += "\\&";
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string render_sample(const Schema& schema) {
  check_schema(schema);
  std::string out;
  for (const Section& section : sections_of(schema)) {
    if (!section.name.empty()) {
      out += "\n";
      if (!section.help.empty()) out += comment(section.help);
      out += (section.optional ? "# " : "") + heading(section.name) + "\n";
    }
    bool first = !section.name.empty();
    for (const Setting& s : schema.settings) {
      if (table_of(s.name) != section.name) continue;
      if (!first) out += "\n";
      first = false;
      out += comment(s.help + " (" + facts(s) + ")");
      std::vector<std::string> texts = default_texts(s);
      if (s.default_value.empty()) {
        Setting example = s;
        example.default_value = s.example;
        texts = default_texts(example);
      }
      if (!s.required || section.optional) out += "# ";
      out += key_of(s.name) + " = " + toml_of(s, texts) + "\n";
    }
  }
  return out.starts_with("\n") ? out.substr(1) : out;
}

std::string render_man(const Schema& schema) {
  check_schema(schema);
  std::string out = ".SH SETTINGS\n";
  for (const Section& section : sections_of(schema)) {
    out +=
        ".SS " + (section.name.empty() ? std::string("Outside tables") : roff(heading(section.name))) + "\n";
    if (!section.help.empty()) out += roff(section.help) + "\n";
    for (const Setting& s : schema.settings) {
      if (table_of(s.name) != section.name) continue;
      out += ".TP\n.B " + roff(key_of(s.name)) + "\n" + roff(s.help) + "\n.br\n.I " + roff(facts(s)) + "\n";
    }
  }
  return out;
}

std::string render_effective(const Values& values) {
  const Schema& schema = values.schema();
  std::string out;
  for (const Section& section : sections_of(schema)) {
    if (section.name.ends_with("[]")) {
      for (const View& element : values.elements(section.name)) {
        out += "\n" + heading(section.name) + "\n";
        append_effective(schema, section.name, element, &out);
      }
      continue;
    }
    if (!section.name.empty()) out += "\n" + heading(section.name) + "\n";
    append_effective(schema, section.name, values.root(), &out);
  }
  return out;
}

}  // namespace essaim::config
