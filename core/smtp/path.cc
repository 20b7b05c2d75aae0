#include "core/smtp/path.h"

#include "core/base/text.h"
#include "core/smtp/address_grammar.h"

namespace essaim::smtp {
namespace {

enum class Side { kReverse, kForward };

// A source route is accepted and ignored (RFC 5321 §4.1.2, appendix C).
grammar::Trouble skip_source_route(std::string_view text, std::size_t* pos) {
  std::string ignored;
  while (true) {
    if (*pos >= text.size() || text[*pos] != '@') return "source route without a domain";
    ++*pos;
    if (const auto trouble = grammar::take_domain(text, pos, &ignored)) return trouble;
    if (*pos < text.size() && text[*pos] == ':') break;
    if (*pos >= text.size() || text[*pos] != ',') return "source route without its colon";
    ++*pos;
  }
  ++*pos;
  return nullptr;
}

grammar::Trouble take_path(std::string_view text, Side side, std::size_t* pos, Address* address) {
  if (*pos >= text.size() || text[*pos] != '<') return "a path begins with '<'";
  ++*pos;
  if (*pos < text.size() && text[*pos] == '>') {
    ++*pos;
    return side == Side::kReverse ? nullptr : "the null path is no recipient";
  }
  if (*pos < text.size() && text[*pos] == '@') {
    if (const auto trouble = skip_source_route(text, pos)) return trouble;
  }
  const std::size_t mailbox = *pos;
  if (const auto trouble = grammar::take_local_part(text, pos, &address->local)) return trouble;
  if (*pos < text.size() && text[*pos] == '@') {
    ++*pos;
    if (const auto trouble = grammar::take_domain(text, pos, &address->domain)) return trouble;
  } else if (side == Side::kForward && *pos < text.size() && text[*pos] == '>' &&
             equals_ignoring_case(address->local, "postmaster")) {
    address->local = "postmaster";  // RFC 5321 §4.5.1: the one name that needs no domain
  } else {
    return "the address has no domain";
  }
  if (*pos >= text.size() || text[*pos] != '>') return "a path ends with '>'";
  ++*pos;
  if (*pos - mailbox > kMaxPath - 1) return "the path is too long";
  return nullptr;
}

// Reads `keyword` and the path behind it; *rest gets the parameters.
std::optional<Reply> take_argument(std::string_view argument, Side side, Address* address,
                                   std::string_view* rest) {
  const bool reverse = side == Side::kReverse;
  if (!starts_with_ignoring_case(argument, reverse ? "FROM:" : "TO:")) {
    return reply(501, "5.5.4", reverse ? "Syntax: MAIL FROM:<address>" : "Syntax: RCPT TO:<address>");
  }
  std::size_t pos = reverse ? 5 : 3;
  // Tolerated: spaces before the path, which many programs send although RFC 5321 §3.3 forbids them.
  while (pos < argument.size() && argument[pos] == ' ') ++pos;
  grammar::Trouble trouble = take_path(argument, side, &pos, address);
  if (!trouble && pos < argument.size() && argument[pos] != ' ') trouble = "no space behind the path";
  if (trouble) {
    return reply(501, reverse ? "5.1.7" : "5.1.3",
                 std::string(reverse ? "Bad sender address: " : "Bad recipient address: ") + trouble);
  }
  *rest = argument.substr(pos);
  return std::nullopt;
}

}  // namespace

std::optional<Reply> parse_mail_argument(std::string_view argument, MailCommand* out) {
  *out = {};
  std::string_view rest;
  if (auto refused = take_argument(argument, Side::kReverse, &out->reverse_path, &rest)) return refused;
  return read_mail_parameters(rest, &out->parameters);
}

std::optional<Reply> parse_rcpt_argument(std::string_view argument, RcptCommand* out) {
  *out = {};
  std::string_view rest;
  if (auto refused = take_argument(argument, Side::kForward, &out->forward_path, &rest)) return refused;
  return read_rcpt_parameters(rest);
}

}  // namespace essaim::smtp
