#include "lists/scenario/source_filter.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>

#include "core/base/text.h"
#include "lists/scenario/parse_rule.h"

namespace essaim::lists::scenario {
namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr int kMostSeconds = 30;

struct Line {
  std::string value;
  std::size_t number = 0;
};
using Lines = std::map<std::string, Line, std::less<>>;

struct Known {
  std::string_view name;
  bool needed;
};
// Others are refused: what is not understood must not be thought to be in force.
constexpr std::array kSqlSettings = {Known{"sql_named_filter_query", false},
                                     Known{"db_type", true},
                                     Known{"db_host", false},
                                     Known{"db_name", true},
                                     Known{"db_user", false},
                                     Known{"db_passwd", false},
                                     Known{"db_port", false},
                                     Known{"db_timeout", false},
                                     Known{"ca_file", false},
                                     Known{"statement", true}};
constexpr std::array kLdapSettings = {
    Known{"host", true},     Known{"suffix", true},   Known{"filter", true},
    Known{"scope", false},   Known{"bind_dn", false}, Known{"bind_password", false},
    Known{"timeout", false}, Known{"use_tls", false}, Known{"ca_file", false}};

class Reader {
 public:
  Reader(std::string_view text, std::string name) : text_(text), name_(std::move(name)) {}

  Error wrong(std::size_t line, const std::string& what) const {
    return {ErrorCode::kInvalid, name_ + (line == 0 ? "" : ", line " + std::to_string(line)) + ": " + what};
  }

  template <typename Table>
  Result<void> read(const Table& table) {
    const bool folds = name_.ends_with(".ldap");
    std::string whole;               // with what goes before a "\" at the end of a line, as it stands
    std::size_t at = 0, number = 0;  // this line, and where the whole one begins
    bool goes_on = false;
    for (const std::string_view raw : split(text_, '\n')) {
      ++at;
      if (const std::string_view text = trimmed(raw);
          text.empty() || text.front() == '#' || text.front() == ';')
        continue;
      if (!goes_on) {
        whole.clear();
        number = at;
      }
      whole += raw;
      const std::string_view line = trimmed(whole);
      if (line.size() > kMaxLine || !is_valid_utf8(line) || line.find('\0') != line.npos)
        return wrong(number, "the line is too long, or not UTF-8");
      goes_on = folds && line.ends_with('\\');
      if (goes_on) {
        whole = std::string(line.substr(0, line.size() - 1));
        continue;
      }
      const auto end = line.find_first_of(" \t");
      const std::string key(line.substr(0, end));
      const std::string_view value = end == line.npos ? std::string_view() : trimmed(line.substr(end));
      std::vector<std::string> names;
      names.reserve(std::size(table));
      for (const Known& one : table) names.emplace_back(one.name);
      if (std::find(names.begin(), names.end(), key) == names.end()) {
        const std::string near = nearest(key, names);
        return wrong(number, "'" + escaped_for_display(key, 60) + "' is no setting of such a filter" +
                                 (near.empty() ? "" : "; did you mean '" + near + "'?"));
      }
      if (!lines_.emplace(key, Line{std::string(value), number}).second)
        return wrong(number, key + " stands there twice");
    }
    if (goes_on) return wrong(number, "nothing comes behind the \"\\\" at its end");
    for (const Known& one : table) {
      if (one.needed && value(one.name).empty()) return wrong(0, "there is no " + std::string(one.name));
    }
    return {};
  }

  std::string value(std::string_view name) const {
    const auto found = lines_.find(name);
    return found == lines_.end() ? "" : found->second.value;
  }
  std::size_t line(std::string_view name) const {
    const auto found = lines_.find(name);
    return found == lines_.end() ? 0 : found->second.number;
  }

  Result<void> number(std::string_view name, int most, int* out) const {
    const std::string text = value(name);
    if (text.empty()) return {};
    int read = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
    if (error != std::errc() || end != text.data() + text.size() || read < 1 || read > most)
      return wrong(line(name), std::string(name) + " is a number from 1 to " + std::to_string(most));
    *out = read;
    return {};
  }

  Result<void> timeout(std::string_view name, Duration* out) const {
    int seconds = 0;
    ESSAIM_TRY(number(name, kMostSeconds, &seconds));
    if (seconds > 0) *out = std::chrono::seconds(seconds);
    return {};
  }

  Result<SourceTemplate> question(std::string_view name) const {
    SourceTemplate out;
    const std::string whole = value(name);
    Cursor cursor{whole};
    for (;;) {
      out.texts.emplace_back(cursor.take_while([](char c) { return c != '['; }));
      if (cursor.end()) return out;
      Piece piece;
      if (const auto complaint = read_variable(&cursor, &piece)) return wrong(line(name), complaint->what);
      if (piece.variable == Variable::kBody || piece.variable == Variable::kPartType ||
          piece.variable == Variable::kPartBody)
        return wrong(line(name), "what a message says is nothing to ask others for");
      out.variables.push_back(std::move(piece));
    }
  }

 private:
  const std::string_view text_;
  const std::string name_;
  Lines lines_;
};

Result<SourceFilter> parse_sql(Reader& reader) {
  ESSAIM_TRY(reader.read(kSqlSettings));
  SourceFilter out;
  const std::string type = ascii_lowered(reader.value("db_type"));
  if (type == "sqlite") {
    out.kind = SourceFilter::Kind::kSqlite;
  } else if (type == "mysql" || type == "mariadb") {
    out.kind = SourceFilter::Kind::kMariadb;
  } else {
    return reader.wrong(reader.line("db_type"), "db_type is MariaDB, MySQL or SQLite");
  }
  out.place = reader.value("db_name");
  out.host = reader.value("db_host");
  out.user = reader.value("db_user");
  out.password = reader.value("db_passwd");
  out.ca_file = reader.value("ca_file");
  if (out.kind == SourceFilter::Kind::kSqlite && !out.place.starts_with('/'))
    return reader.wrong(reader.line("db_name"), "db_name is the absolute path of the file");
  if (out.kind == SourceFilter::Kind::kMariadb && (out.host.empty() || out.user.empty()))
    return reader.wrong(0, "there is no " + std::string(out.host.empty() ? "db_host" : "db_user"));
  ESSAIM_TRY(reader.number("db_port", 65'535, &out.port));
  ESSAIM_TRY(reader.timeout("db_timeout", &out.timeout));
  const std::string start = ascii_lowered(reader.value("statement")).substr(0, 7);
  if (start != "select " && !start.starts_with("with "))
    return reader.wrong(reader.line("statement"), "the statement is a SELECT");
  auto question = reader.question("statement");
  if (!question.ok()) return question.error();
  out.question = *std::move(question);
  for (const std::string& text : out.question.texts) {
    if (text.find('?') != text.npos || text.find(';') != text.npos)
      return reader.wrong(reader.line("statement"), "\"?\" and \";\" cannot stand in the statement");
  }
  for (std::size_t i = 0; i < out.question.variables.size(); ++i) {
    if (out.question.texts[i].ends_with('\'') || out.question.texts[i].ends_with('"'))
      return reader.wrong(reader.line("statement"), "variables stand without quotes; they are quoted by us");
  }
  return out;
}

// "host", "host:389", "ldap://...", "ldaps://..."
Result<std::string> url_of(const Reader& reader, std::string_view host) {
  const std::string text(host);
  if (text.starts_with("ldap://") || text.starts_with("ldaps://")) return text;
  if (text.empty() || text.find('/') != text.npos)
    return reader.wrong(reader.line("host"),
                        "'" + escaped_for_display(text, 200) + "' is neither host:port nor ldap://host:port");
  return "ldap://" + text;
}

Result<SourceFilter> parse_ldap(Reader& reader) {
  ESSAIM_TRY(reader.read(kLdapSettings));
  SourceFilter out;
  out.kind = SourceFilter::Kind::kLdap;
  const std::string hosts = reader.value("host");
  for (const std::string_view host : split(hosts, ',')) {
    auto url = url_of(reader, trimmed(host));
    if (!url.ok()) return url.error();
    out.host += (out.host.empty() ? "" : " ") + *url;
  }
  out.place = reader.value("suffix");
  out.user = reader.value("bind_dn");
  out.password = reader.value("bind_password");
  out.ca_file = reader.value("ca_file");
  const std::string scope = ascii_lowered(reader.value("scope"));
  if (scope == "one") {
    out.scope = SourceFilter::Scope::kOne;
  } else if (scope == "base") {
    out.scope = SourceFilter::Scope::kBase;
  } else if (!scope.empty() && scope != "sub") {
    return reader.wrong(reader.line("scope"), "scope is sub, one or base");
  }
  const std::string tls = ascii_lowered(reader.value("use_tls"));
  if (!tls.empty() && tls != "none" && tls != "starttls" && tls != "ldaps")
    return reader.wrong(reader.line("use_tls"), "use_tls is none, starttls or ldaps");
  out.starttls = tls == "starttls";
  if (tls == "ldaps" && out.host.find("ldap://") != out.host.npos)
    return reader.wrong(reader.line("use_tls"), "with ldaps each host is written ldaps://host");
  ESSAIM_TRY(reader.timeout("timeout", &out.timeout));
  auto question = reader.question("filter");
  if (!question.ok()) return question.error();
  out.question = *std::move(question);
  if (!out.question.texts.front().starts_with('(') || !out.question.texts.back().ends_with(')'))
    return reader.wrong(reader.line("filter"), "a filter stands in parentheses, as (mail=[sender])");
  return out;
}

}  // namespace

bool is_source_filter(std::string_view name) {
  return name.ends_with(".sql") || name.ends_with(".ldap");
}

Result<SourceFilter> SourceFilter::parse(std::string_view text, const std::string& name) {
  Reader reader(text, name);
  auto out = name.ends_with(".sql") ? parse_sql(reader) : parse_ldap(reader);
  if (out.ok()) out->name = name;
  return out;
}

}  // namespace essaim::lists::scenario
