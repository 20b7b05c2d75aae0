#include "smtpd/filters/header_change.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/mail/header_block.h"

namespace essaim::smtpd {
namespace {

constexpr std::size_t kLongestLine = 998;  // RFC 5322 §2.1.1

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 200 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7F && c != ':'; });
}

std::string_view take_line(std::string_view* text) {
  const auto end = text->find('\n');
  std::string_view line = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  while (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

struct Field {
  std::string name;
  std::string raw;
  std::optional<std::size_t> before{};  // its place then, if it is as it was
};

// The place of the field of this name with this number, from one on.
std::vector<Field>::iterator place_of(std::vector<Field>& fields, const HeaderChange& change) {
  std::uint32_t left = std::max<std::uint32_t>(change.index, 1);
  return std::find_if(fields.begin(), fields.end(), [&](const Field& field) {
    return equals_ignoring_case(field.name, change.name) && --left == 0;
  });
}

Result<void> apply(std::vector<Field>& fields, const HeaderChange& change) {
  const auto place = change.kind == HeaderChange::Kind::kChange ? place_of(fields, change) : fields.end();
  if (change.kind == HeaderChange::Kind::kChange && change.value.empty()) {
    if (place != fields.end()) fields.erase(place);
    return {};
  }
  auto raw = field_of(change);
  if (!raw.ok()) return raw.error();
  Field field{change.name, *std::move(raw), {}};
  if (place != fields.end()) {
    *place = std::move(field);
  } else if (change.kind == HeaderChange::Kind::kInsert && change.index < fields.size()) {
    fields.insert(fields.begin() + change.index, std::move(field));
  } else {
    fields.push_back(std::move(field));
  }
  return {};
}

}  // namespace

Result<std::string> field_of(const HeaderChange& change) {
  const auto refuse = [&](const char* why) {
    return Error{ErrorCode::kInvalid, "the field \"" + escaped_for_display(change.name, 80) + "\" " + why};
  };
  if (!is_name(change.name)) return refuse("has no name of a field");
  if (change.value.find('\0') != std::string::npos) return refuse("has a NUL");
  std::string out = change.name + ":" + (change.has_own_space ? "" : " ");
  std::size_t line_begins = 0;
  std::string_view rest = change.value;
  for (bool first = true; first || !rest.empty(); first = false) {
    std::string line(take_line(&rest));
    line.erase(std::remove(line.begin(), line.end(), '\r'), line.end());
    if (!first) {
      if (trimmed(line).empty()) continue;  // it would look like the end of the header
      out += "\r\n";
      line_begins = out.size();
      if (line.front() != ' ' && line.front() != '\t') out.push_back('\t');
    }
    out += line;
    if (out.size() - line_begins > kLongestLine) return refuse("has a line of more than 998 octets");
  }
  return out + "\r\n";
}

Result<ChangedMessage> changed(std::string_view content, const std::vector<HeaderChange>& changes,
                               const std::string* body) {
  const auto header = mail::HeaderBlock::parse(content);
  if (!header.ok()) return header.error();
  std::vector<Field> fields;
  fields.reserve(header->fields().size() + changes.size());
  for (const mail::HeaderField& field : header->fields())
    fields.push_back({std::string(field.name()), field.raw(), fields.size()});
  ChangedMessage out;
  out.places.resize(fields.size());
  for (const HeaderChange& change : changes) {
    if (auto done = apply(fields, change); !done.ok()) out.left_out.push_back(done.error().message);
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    out.content += fields[i].raw;
    if (fields[i].before) out.places[*fields[i].before] = i;
  }
  out.content += "\r\n";
  out.content += body != nullptr ? std::string_view(*body) : content.substr(header->body_offset());
  if (auto good = mail::HeaderBlock::parse(out.content); !good.ok()) return good.error();
  return out;
}

}  // namespace essaim::smtpd
