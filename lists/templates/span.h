// A time in words, as questions and pages say it. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace essaim::lists {

// "3 days", "one day". `days` is a number, as in_days() gives it (lists/service_mail.h).
std::string days_in_words(std::string_view language, const std::string& days);

}  // namespace essaim::lists
