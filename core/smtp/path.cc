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
    if (const auto trouble = grammar::take_domain(text, pos, &ignored, true)) return trouble;
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
  if (const auto trouble = grammar::take_local_part(text, pos, &address->local, true)) return trouble;
  if (*pos < text.size() && text[*pos] == '@') {
    ++*pos;
    if (const auto trouble = grammar::take_domain(text, pos, &address->domain, true)) return trouble;
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
                                   std::string_view* rest, bool* ascii) {
  const bool reverse = side == Side::kReverse;
  if (!grammar::is_utf8_text(argument)) return reply(501, "5.5.2", "Octets that are neither ASCII nor UTF-8");
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
  *ascii = is_ascii(argument.substr(0, pos));
  return std::nullopt;
}

Reply needs_smtputf8(Side side, const Offered& offered) {
  const std::string what = side == Side::kReverse ? "Sender address" : "Recipient address";
  return reply(553, "5.6.7",
               what + (offered.smtputf8 ? " is not ASCII; MAIL needs the parameter SMTPUTF8 (RFC 6531)"
                                        : " is not ASCII, and SMTPUTF8 is not offered here"));
}

}  // namespace

std::optional<Reply> parse_mail_argument(std::string_view argument, MailCommand* out,
                                         const Offered& offered) {
  *out = {};
  std::string_view rest;
  bool ascii = true;
  if (auto refused = take_argument(argument, Side::kReverse, &out->reverse_path, &rest, &ascii))
    return refused;
  if (!ascii && !offered.smtputf8) return needs_smtputf8(Side::kReverse, offered);
  if (auto refused = read_mail_parameters(rest, &out->parameters, offered)) return refused;
  if (!ascii && !out->parameters.smtputf8) return needs_smtputf8(Side::kReverse, offered);
  return std::nullopt;
}

std::optional<Reply> parse_rcpt_argument(std::string_view argument, RcptCommand* out, const Offered& offered,
                                         bool smtputf8) {
  *out = {};
  std::string_view rest;
  bool ascii = true;
  if (auto refused = take_argument(argument, Side::kForward, &out->forward_path, &rest, &ascii))
    return refused;
  if (!ascii && !smtputf8) return needs_smtputf8(Side::kForward, offered);
  return read_rcpt_parameters(rest, &out->parameters, offered, smtputf8);
}

}  // namespace essaim::smtp
