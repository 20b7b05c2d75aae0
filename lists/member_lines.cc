// Files of members: one to a line, `address` or `Name <address>`.
#include <cstdint>
#include <istream>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "core/base/text.h"
#include "lists/admin.h"
#include "lists/person_name.h"

namespace essaim::lists {
namespace {

std::string unquoted(std::string_view name) {
  if (name.size() < 2 || name.front() != '"' || name.back() != '"') return std::string(name);
  std::string out;
  for (std::size_t i = 1; i + 1 < name.size(); ++i) {
    if (name[i] == '\\' && i + 2 < name.size()) ++i;
    out.push_back(name[i]);
  }
  return out;
}

// Where the address begins. No name has a <, so it is the first one, unless there is no address behind it.
std::size_t begin_of_address(std::string_view line) {
  const auto first = line.find('<');
  const std::string_view behind = trimmed(line.substr(first + 1, line.size() - first - 2));
  return smtp::parse_mailbox(behind, smtp::LocalPart::kUtf8).ok() ? first : line.rfind('<');
}

}  // namespace

Result<NewMember> read_member_line(std::string_view line) {
  NewMember member;
  std::string_view address = line;
  if (line.ends_with('>')) {
    if (line.find('<') == line.npos) return Error{ErrorCode::kInvalid, "there is a > without a <"};
    const auto open = begin_of_address(line);
    member.name = unquoted(trimmed(line.substr(0, open)));
    address = trimmed(line.substr(open + 1, line.size() - open - 2));
  }
  if (member.name.size() > kMaxPersonName)
    return Error{ErrorCode::kInvalid, "the name is longer than 200 octets"};
  if (member.name.find_first_of("\r\n<>") != std::string::npos)
    return Error{ErrorCode::kInvalid, "the name has a line end, < or > in it"};
  if (!is_valid_utf8(member.name)) return Error{ErrorCode::kInvalid, "the name is not UTF-8"};
  member.name = clean_name(member.name);
  auto parsed = smtp::parse_mailbox(address, smtp::LocalPart::kUtf8);
  // A table, or several people.
  if (!parsed.ok() && address.find_first_of(",;\t") != address.npos)
    return Error{
        ErrorCode::kInvalid,
        "'" + escaped_for_display(address, 256) +
            "' is not an address: it has a comma, semicolon or tab; one person is ann@example.org or "
            "Name <ann@example.org>"};
  if (!parsed.ok()) return parsed.error();
  member.address = std::move(*parsed);
  return member;
}

// Spreadsheets and web pages leave them beside an address, which then looks like the right one and is another. Names of
// accounts have none of them either (RFC 8264 section 4.2.3).
std::string unseen_in(const smtp::Address& address) {
  const auto unseen = first_invisible(address.local);
  return unseen ? fmt::format("U+{:04X}", static_cast<std::uint32_t>(*unseen)) : "";
}

std::string wrong_with_new_member(const smtp::Address& address) {
  const std::string unseen = unseen_in(address);
  if (unseen.empty()) return "";
  return fmt::format("'{}' has a character that nobody sees, {}, before the @",
                     escaped_for_display(address.to_string(), 256), unseen);
}

Result<NewMember> parse_member_line(std::string_view line) {
  auto member = read_member_line(line);
  if (!member.ok()) return member;
  if (std::string wrong = wrong_with_new_member(member->address); !wrong.empty())
    return Error{ErrorCode::kInvalid, std::move(wrong)};
  return member;
}

MemberLines read_member_lines(std::istream& in, Known known) {
  MemberLines out;
  std::string line;
  for (std::int64_t number = 1; std::getline(in, line); ++number) {
    std::string_view text = trimmed(line);
    if (number == 1 && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // saved by a spreadsheet
    if (text.empty() || text.front() == '#') continue;
    auto member = known == Known::kPerhaps ? read_member_line(text) : parse_member_line(text);
    if (member.ok()) {
      out.members.push_back(std::move(*member));
    } else {
      out.errors.push_back("line " + std::to_string(number) + ": " + member.error().message);
    }
  }
  return out;
}

}  // namespace essaim::lists
