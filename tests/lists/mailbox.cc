#include "tests/lists/mailbox.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/mail/encoded_word.h"
#include "core/mail/readable.h"

namespace essaim::test {

std::string Letter::field(const std::string& name) const {
  return header.value(name).value_or("");
}
std::string Letter::subject() const {
  return mail::decode_encoded_words(field("Subject"));
}
bool Letter::says(const std::string& words) const {
  return text.find(words) != std::string::npos;
}
std::string Letter::address(const std::string& what) const {
  const auto at = text.find(what + "+");
  return at == std::string::npos ? "" : text.substr(at, text.find_first_of(" \r\n;,", at) - at);
}
std::string Letter::key() const {
  const std::string to = field("Reply-To");
  const auto plus = to.find('+');
  return plus == std::string::npos ? "" : to.substr(plus + 1, to.find('@') - plus - 1);
}

std::vector<Letter> letters_to(TestSite& site, const std::string& who) {
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

Letter last_letter(TestSite& site, const std::string& who) {
  auto all = letters_to(site, who);
  BOOST_REQUIRE_MESSAGE(!all.empty(), "nothing was sent to " + who);
  return all.back();
}

Letter last_question(TestSite& site, const std::string& who) {
  const auto all = letters_to(site, who);
  for (auto letter = all.rbegin(); letter != all.rend(); ++letter) {
    if (!letter->key().empty()) return *letter;
  }
  BOOST_REQUIRE_MESSAGE(false, "nobody asked " + who);
  return {};
}

std::string a_mail(const std::string& from, const std::string& subject, const std::string& text,
                   const std::string& more) {
  static int n = 0;
  return crlf("From: " + from + "\nTo: sympa@lists.example\nSubject: " + subject +
              "\nDate: Sun, 22 Nov 2026 18:52:04 +0000\nMessage-ID: <m" + std::to_string(++n) +
              "@client.example>\n" + more + "\n" + text);
}

std::size_t list_posts(TestSite& site) {
  std::size_t n = 0;
  for (const auto& post : site.posts()) n += post.kind == storage::PostKind::kList ? 1 : 0;
  return n;
}

}  // namespace essaim::test
