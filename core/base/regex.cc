#include "core/base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <array>
#include <cstdint>
#include <cstring>

#include <pcre2.h>

namespace essaim {
namespace {

// A step costs some ten nanoseconds, so a match ends within tens of milliseconds whatever it is.
constexpr std::uint32_t kMaxSteps = 1'000'000;
constexpr std::uint32_t kMaxDepth = 2'000;
constexpr std::uint32_t kMaxHeap = 16 * 1024;  // KiB
constexpr std::size_t kMaxPattern = 4096;

std::string words_of(int error) {
  std::array<PCRE2_UCHAR, 200> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

struct Regex::Code {
  pcre2_code* code = nullptr;
  pcre2_match_context* limits = nullptr;
  Code() = default;
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() {
    pcre2_code_free(code);
    pcre2_match_context_free(limits);
  }
};

Result<Regex> Regex::compile(std::string_view pattern, Case letters) {
  if (pattern.size() > kMaxPattern)
    return Error{ErrorCode::kInvalid,
                 "the expression is longer than " + std::to_string(kMaxPattern) + " octets"};
  std::uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
  if (letters == Case::kIgnored) options |= PCRE2_CASELESS;
  int error = 0;
  PCRE2_SIZE at = 0;
  auto code = std::make_shared<Code>();
  code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options, &error,
                             &at, nullptr);
  if (code->code == nullptr)
    return Error{ErrorCode::kInvalid, "column " + std::to_string(at + 1) + ": " + words_of(error)};
  code->limits = pcre2_match_context_create(nullptr);
  ESSAIM_CHECK(code->limits != nullptr);
  pcre2_set_match_limit(code->limits, kMaxSteps);
  pcre2_set_depth_limit(code->limits, kMaxDepth);
  pcre2_set_heap_limit(code->limits, kMaxHeap);
  return Regex(std::move(code));
}

Result<bool> Regex::matches(std::string_view text) const {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  ESSAIM_CHECK(data != nullptr);
  const int found = pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0,
                                data, code_->limits);
  pcre2_match_data_free(data);
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found >= 0) return true;
  return Error{ErrorCode::kExhausted, "a regular expression was given up: " + words_of(found)};
}

std::string regex_quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::strchr("\\^$.[]|()?*+{}/-#", c) != nullptr && c != '\0') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

}  // namespace essaim
