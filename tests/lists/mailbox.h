// What a site has sent to people: its notices, as their readers see them. For the tests of lists/.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/mail/header_block.h"
#include "tests/lists/site.h"

namespace essaim::test {

struct Letter {
  Id id = 0;
  std::string whole;
  mail::HeaderBlock header;
  std::string text;
  std::string field(const std::string& name) const;
  std::string subject() const;  // decoded
  bool says(const std::string& words) const;
  // The local part before "+KEY@" is `what`; gives the whole address.
  std::string address(const std::string& what) const;
  std::string key() const;
};

// Notices to somebody, oldest first.
std::vector<Letter> letters_to(TestSite& site, const std::string& who);
Letter last_letter(TestSite& site, const std::string& who);
// The last letter to them that asks for an answer.
Letter last_question(TestSite& site, const std::string& who);

// A mail as a person writes it.
std::string a_mail(const std::string& from, const std::string& subject, const std::string& text,
                   const std::string& more = "");

std::size_t list_posts(TestSite& site);

}  // namespace essaim::test
