#include "core/mail/plain_report.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/mail/header_block.h"
#include "core/mail/readable.h"

namespace essaim::mail {
namespace {

constexpr std::size_t kMaxLooked = std::size_t{64} * 1024;
constexpr std::size_t kMaxRecipients = 1000;
constexpr std::size_t kMaxText = 1000;
constexpr std::size_t kMaxWords = 200;

using Lines = std::vector<std::string_view>;

// On one line and without control characters, whatever a decoded text holds.
std::string shown(std::string_view text) {
  std::string out(trimmed(text).substr(0, kMaxText));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return out;
}

std::string text_of(const HeaderBlock& header, std::string_view message) {
  std::string text = main_text(header, message.substr(header.body_offset()));
  if (text.size() > kMaxLooked) text.resize(kMaxLooked);
  return text;
}

std::string first_of(const Lines& lines) {
  for (const std::string_view line : lines) {
    if (!trimmed(line).empty()) return shown(line).substr(0, kMaxWords);
  }
  return "";
}

// The lines from `at` on up to an empty one, as one.
std::string paragraph(const Lines& lines, std::size_t at) {
  std::string out;
  for (; at < lines.size() && out.size() < kMaxText && !trimmed(lines[at]).empty(); ++at)
    out += (out.empty() ? "" : " ") + shown(lines[at]);
  return out.substr(0, kMaxText);
}

// "... by that name. (#5.1.1)", as qmail puts it.
std::string status_in(std::string_view text) {
  const std::size_t open = text.rfind("(#");
  if (open == text.npos) return "";
  const std::string_view status = text.substr(open + 2, text.substr(open + 2).find(')'));
  const bool good = status.size() >= 5 && status.size() <= 9 && (status[0] == '4' || status[0] == '5') &&
                    status.find_first_not_of("0123456789.") == status.npos &&
                    std::count(status.begin(), status.end(), '.') == 2;
  return good ? std::string(status) : "";
}

void add(std::string_view address, std::string diagnostic, Dsn* out) {
  if (out->recipients.size() >= kMaxRecipients || address.empty()) return;
  DsnRecipient recipient;
  recipient.final_recipient = shown(address);
  recipient.status = status_in(diagnostic);
  recipient.diagnostic = std::move(diagnostic);
  out->recipients.push_back(std::move(recipient));
}

// QSBMF: a paragraph of introduction, then one for each recipient, "<a@b.example>:" and why, up to a line of hyphens.
void read_qmail(const Lines& lines, Dsn* out) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = trimmed(lines[i]);
    if (line.starts_with("---")) return;
    if (line.size() > 3 && line.starts_with('<') && line.ends_with(">:"))
      add(line.substr(1, line.size() - 3), paragraph(lines, i + 1), out);
  }
}

// Exim's text has each address on a line and why behind it; another text may have anything.
std::string said_of(std::string_view address, const Lines& lines) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (equals_ignoring_case(trimmed(lines[i]), address)) {
      std::string out = paragraph(lines, i + 1);
      if (!out.empty()) return out;
    }
  }
  return first_of(lines);
}

}  // namespace

std::optional<Dsn> parse_plain_report(std::string_view message) {
  const Result<HeaderBlock> header = HeaderBlock::parse(message);
  if (!header) return std::nullopt;
  const std::string named = header->value("X-Failed-Recipients").value_or("");
  const std::string text = text_of(*header, message);
  const Lines lines = split(text, '\n');
  Dsn out;
  if (!named.empty()) {
    // Looked for in the text for the first ones only: it is read anew for each.
    constexpr std::size_t kLookedFor = 20;
    const std::string first = first_of(lines);
    for (const std::string_view word : split(named, ',')) {
      if (out.recipients.size() >= kMaxRecipients) break;
      const std::string_view address = trimmed(word);
      if (address.empty()) continue;
      add(address, out.recipients.size() < kLookedFor ? said_of(address, lines) : first, &out);
    }
  } else if (trimmed(text).starts_with("Hi. This is the ")) {
    read_qmail(lines, &out);
  }
  if (out.recipients.empty()) return std::nullopt;
  return out;
}

std::string first_words(std::string_view message) {
  const Result<HeaderBlock> header = HeaderBlock::parse(message);
  if (!header) return "";
  const std::string text = text_of(*header, message);
  return first_of(split(text, '\n'));
}

}  // namespace essaim::mail
