// What words of an answer by mail say: yes, no, a greeting. People answer in their own language whatever they are asked in. Pure
// functions; linear time. Internal to lists/commands.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace essaim::lists {

inline constexpr std::size_t kLittle = 8;  // words that are no disclaimer, and may hold a yes anywhere

// What stands around words in other languages, as words_in() and asks() know it: "¡No!", "« non »", "いいえ。".
std::string with_plain_marks(std::string text);
// French puts a no-break space before "!" and ":".
std::string with_plain_blanks(std::string text);
// Words in lower case, without punctuation.
std::vector<std::string> words_in(std::string_view text);

template <std::size_t N>
bool is_among(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool begins_with_yes(const std::vector<std::string>& words);
bool begins_with_no(const std::vector<std::string>& words);
bool negates(std::string_view word);
// Whether one of them says no; "delete" and the like not in what mail servers write under a text.
bool any_refuses(const std::vector<std::string>& words);
bool any_nothing(const std::vector<std::string>& words);
// "Yes", "Ja, gerne!"
bool says_yes(std::string_view line);
// Not of what has a question mark within, as links do.
bool asks(std::string_view text);
// In lower case, without "no problem" and the like.
std::string without_no_matter(std::string_view text);
// What mail servers write under a text: that who got this message by mistake is to delete it.
bool is_disclaimer(const std::vector<std::string>& words);

// Behind a closing at the beginning of the line; all of it where there is none.
std::string_view behind_closing(std::string_view line, bool* closes);
bool begins_with_capital(std::string_view word);
// Whether it begins with a greeting, and has nothing but whom it greets behind.
bool greets(std::string_view line);
// "Yes" of "Hello owners, yes"; of a salutation nothing.
std::string_view behind_salutation(std::string_view line);

}  // namespace essaim::lists
