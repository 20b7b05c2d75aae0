// A line of the server's log, text or JSON ([log] format), as its fields. Pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace essaim::smtpd::operate {

// "time" (as "2026-11-22T18:52:04.123Z", so that two can be compared as texts), "event", and what else the line says in texts.
using LogFields = std::map<std::string, std::string>;

// Without "event" it is no line of the log.
LogFields read_log_line(std::string_view line);
// What stands behind the time: "request verb=add ..."; the first of two fields of one name counts.
LogFields log_fields(std::string_view text);
std::string value_of(const LogFields& fields, const char* name);  // "" if it is not there

}  // namespace essaim::smtpd::operate
