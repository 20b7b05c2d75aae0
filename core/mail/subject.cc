#include "core/mail/subject.h"

#include <algorithm>
#include <optional>
#include <span>

#include "core/base/text.h"
#include "core/mail/encoded_word.h"

namespace essaim::mail {
namespace {

// How "in reply to" is written: English and Latin, German, Dutch, Scandinavian, Finnish, Italian, French,
// Portuguese, Polish, Turkish, Hungarian, Welsh, Bulgarian, Greek, Chinese, Korean. Case is ignored in ASCII
// only, so others stand in the forms that exist.
constexpr std::string_view kReplyWords[] = {
    "re", "aw", "antwort", "antw", "sv", "vs",   "ré",   "odp",  "ynt",  "atb",  "vá",   "vÁ",   "на",
    "НА", "На", "απ",      "ΑΠ",   "Απ", "σχετ", "ΣΧΕΤ", "Σχετ", "回复", "答复", "回覆", "답장",
};
// The same in French, Italian and Spanish, and there and in English also how a subject names what it is about ("Réf :
// dossier 118"). So the tag, or another such word, must come behind it.
constexpr std::string_view kReferenceWords[] = {"rif", "ref", "réf", "rÉf", "res"};

void skip_blank(std::string_view* text) {
  while (true) {
    if (text->starts_with(' ') || text->starts_with('\t')) {
      text->remove_prefix(1);
    } else if (text->starts_with("\xc2\xa0")) {  // French typography before a colon
      text->remove_prefix(2);
    } else {
      return;
    }
  }
}

// reply = word [counter] *WSP ":"; counter = "[2]" / "(2)" / "^2" / "*2". Takes one off the front.
bool take_one_of(std::span<const std::string_view> words, std::string_view* text) {
  for (std::string_view word : words) {
    if (!starts_with_ignoring_case(*text, word)) continue;
    std::string_view rest = text->substr(word.size());
    if (!rest.empty() && std::string_view("[(^*").find(rest.front()) != std::string_view::npos) {
      const char opening = rest.front();
      std::size_t n = 1;
      while (n < rest.size() && rest[n] == '*') ++n;
      const std::size_t digits = n;
      while (n < rest.size() && n < digits + 4 && rest[n] >= '0' && rest[n] <= '9') ++n;
      if (n == digits) continue;
      const char closing = opening == '[' ? ']' : opening == '(' ? ')' : '\0';
      if (closing != '\0') {
        if (n == rest.size() || rest[n] != closing) continue;
        ++n;
      }
      rest.remove_prefix(n);
    }
    skip_blank(&rest);
    if (rest.starts_with(":")) {
      rest.remove_prefix(1);
    } else if (rest.starts_with("\xef\xbc\x9a")) {  // the wide colon of Chinese
      rest.remove_prefix(3);
    } else {
      continue;
    }
    *text = rest;
    return true;
  }
  return false;
}

bool has_encoded_word(std::string_view text) {
  std::size_t length = 0;
  for (std::size_t at = text.find("=?"); at != std::string_view::npos; at = text.find("=?", at + 1)) {
    if (encoded_word_at(text, at, &length)) return true;
  }
  return false;
}

// Also those that come about when others go: "[t[tag]ag]".
std::string without_tags(std::string_view text, std::string_view tag) {
  std::string out;
  while (!text.empty()) {
    out += text.front();
    text.remove_prefix(1);
    if (tag.empty() || out.back() != tag.back() || !out.ends_with(tag)) continue;
    out.resize(out.size() - tag.size());
    if (out.empty() || out.ends_with(' ')) skip_blank(&text);
  }
  return out;
}

// Prefixes and tags off the front. Without a tag nothing tells references from replies: they go, too.
std::string_view without_prefixes(std::string_view text, std::string_view tag, bool* reply) {
  std::optional<std::string_view> reference;  // all from the first one on, of which it is not known yet
  while (true) {
    skip_blank(&text);
    const std::string_view before = text;
    if (!tag.empty() && text.starts_with(tag)) {
      text.remove_prefix(tag.size());
      *reply = *reply || reference;
    } else if (take_one_of(kReplyWords, &text)) {
      *reply = true;
    } else if (take_one_of(kReferenceWords, &text)) {
      if (!tag.empty()) {
        if (!reference) reference = before;
        continue;
      }
      *reply = true;
    } else {
      return reference.value_or(text);
    }
    reference.reset();
  }
}

// Of decoded text: prefixes once more when tags have gone, as one may come about by that.
std::string stripped(std::string_view text, std::string_view tag, bool* reply) {
  const std::string bare = without_tags(without_prefixes(text, tag, reply), tag);
  return std::string(trimmed(without_prefixes(bare, tag, reply)));
}

// In one line. Some programs fold with a tab, also within a tag of several words, or leave one there when they unfold.
std::string in_one_line(std::string_view value) {
  std::string out(trimmed(unfolded(value)));
  std::replace(out.begin(), out.end(), '\t', ' ');
  return out;
}

}  // namespace

std::string tagged_subject(std::string_view value, std::string_view tag) {
  if (tag.empty()) return std::string(trimmed(unfolded(value)));
  const std::string whole = in_one_line(value);
  bool reply = false;
  std::string rest;
  if (!has_encoded_word(whole)) {
    rest = stripped(whole, tag, &reply);
    // What has become an encoded word because a tag stood in it is none of the author's.
    if (has_encoded_word(rest)) rest = encode_text(stripped(spaces_for_controls(rest), tag, &reply));
  } else {
    rest = trimmed(without_prefixes(whole, tag, &reply));
    // Is there a prefix or a tag inside the encoded words, or a tag between them? Only then are they taken apart.
    const std::string decoded = spaces_for_controls(decode_encoded_words(rest));
    bool hidden_reply = false;
    const std::string bare = stripped(decoded, tag, &hidden_reply);
    if (hidden_reply || decoded.find(tag) != std::string::npos) {
      reply = reply || hidden_reply;
      rest = encode_text(bare);
    }
  }
  std::string out = reply ? "Re: " : "";
  std::size_t length = 0;
  if (rest.empty()) return out + encode_text(tag);
  const std::string written = encode_text(tag);
  if (written != tag && encoded_word_at(rest, 0, &length)) {
    // White space between two encoded words vanishes, so it goes into the first one (RFC 2047 §6.2).
    return out + encode_phrase(std::string(tag) + " ") + " " + rest;
  }
  return out + written + " " + rest;
}

Result<void> tag_subject(HeaderBlock* header, std::string_view tag) {
  if (tag.empty()) return {};
  const std::optional<std::string> old = header->value("Subject");
  const std::string fresh = tagged_subject(old.value_or(""), tag);
  if (old && in_one_line(*old) == fresh && header->count("Subject") == 1) return {};
  return header->set("Subject", fresh);
}

std::string base_subject(std::string_view value) {
  bool reply = false;
  return stripped(decode_encoded_words(unfolded(value)), "", &reply);
}

}  // namespace essaim::mail
