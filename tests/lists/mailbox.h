// What a site has sent to people: its notices, as their readers see them. For the tests of lists/.
#pragma once

#include "core/mail/encoded_word.h"
#include "core/mail/readable.h"
#include "tests/lists/site.h"

namespace essaim::test {

struct Letter {
  Id id = 0;
  std::string whole;
  mail::HeaderBlock header;
  std::string text;
  std::string field(const std::string& name) const { return header.value(name).value_or(""); }
  std::string subject() const { return mail::decode_encoded_words(field("Subject")); }
  bool says(const std::string& words) const { return text.find(words) != std::string::npos; }
  // The local part before "+KEY@" is `what`; gives the whole address.
  std::string address(const std::string& what) const {
    const auto at = text.find(what + "+");
    return at == std::string::npos ? "" : text.substr(at, text.find_first_of(" \r\n;,", at) - at);
  }
  std::string key() const {
    const std::string to = field("Reply-To");
    const auto plus = to.find('+');
    return plus == std::string::npos ? "" : to.substr(plus + 1, to.find('@') - plus - 1);
  }
};

// Notices to somebody, oldest first.
inline std::vector<Letter> letters_to(TestSite& site, const std::string& who) {
  std::vector<Letter> out;
  auto posts = site.posts();
  std::sort(posts.begin(), posts.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  for (const storage::PostRecord& post : posts) {
    if (post.kind != storage::PostKind::kNotice) continue;
    const auto to = site.recipients(post.id);
    if (std::find(to.begin(), to.end(), who) == to.end()) continue;
    Letter letter;
    letter.id = post.id;
    letter.whole = site.rendering(post.id);
    auto header = mail::HeaderBlock::parse(letter.whole);
    BOOST_REQUIRE(header.ok());
    letter.header = *std::move(header);
    letter.text =
        mail::main_text(letter.header, std::string_view(letter.whole).substr(letter.header.body_offset()));
    std::string lf;
    for (const char c : letter.text) {
      if (c != '\r') lf.push_back(c);
    }
    letter.text = lf;
    // Whatever we write by ourselves goes out so (RFC 3834).
    BOOST_TEST(post.envelope_sender == "");
    BOOST_TEST(letter.field("Auto-Submitted").starts_with("auto-"));
    out.push_back(std::move(letter));
  }
  return out;
}

inline Letter last_letter(TestSite& site, const std::string& who) {
  auto all = letters_to(site, who);
  BOOST_REQUIRE_MESSAGE(!all.empty(), "nothing was sent to " + who);
  return all.back();
}

// The last letter to them that asks for an answer.
inline Letter last_question(TestSite& site, const std::string& who) {
  const auto all = letters_to(site, who);
  for (auto letter = all.rbegin(); letter != all.rend(); ++letter) {
    if (!letter->key().empty()) return *letter;
  }
  BOOST_REQUIRE_MESSAGE(false, "nobody asked " + who);
  return {};
}

// A mail as a person writes it.
inline std::string a_mail(const std::string& from, const std::string& subject, const std::string& text,
                          const std::string& more = "") {
  static int n = 0;
  return crlf("From: " + from + "\nTo: sympa@lists.example\nSubject: " + subject +
              "\nDate: Sun, 22 Nov 2026 18:52:04 +0000\nMessage-ID: <m" + std::to_string(++n) +
              "@client.example>\n" + more + "\n" + text);
}

inline std::size_t list_posts(TestSite& site) {
  std::size_t n = 0;
  for (const auto& post : site.posts()) n += post.kind == storage::PostKind::kList ? 1 : 0;
  return n;
}

}  // namespace essaim::test
