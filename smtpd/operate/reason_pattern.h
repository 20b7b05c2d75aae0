// What replies of different hosts about different people have in common, so that the one cause of many of them is one line.
#pragma once

#include <string>
#include <string_view>

namespace essaim::smtpd::operate {

// The same for reasons that differ in hosts, addresses of people, domains, times and numbers that were made for one message: these are
// "*". Codes stay, and IP addresses without a port, which are mostly ours. `domain`: of the recipient that it is about.
std::string reason_pattern(std::string_view reason, std::string_view domain);

}  // namespace essaim::smtpd::operate
