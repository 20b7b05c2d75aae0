// People as they are named at the command line: "ann@example.org", or as a mail program copies it, "Ann <ann@example.org>".
#pragma once

#include <string>
#include <utility>

#include "core/base/result.h"
#include "core/base/text.h"
#include "core/smtp/address.h"
#include "lists/admin.h"

namespace essaim::smtpd::cli {

// With the name, where there is one. Errors say what is wrong with it.
inline Result<lists::NewMember> person_of(const std::string& text) {
  return lists::read_member_line(trimmed(text));
}

// Where the name says nothing.
inline Result<smtp::Address> address_of(const std::string& text) {
  auto person = person_of(text);
  if (!person.ok()) return person.error();
  return std::move(person->address);
}

// Of what is searched for, which need not be an address.
inline std::string searched_address(const std::string& text) {
  if (!text.ends_with('>')) return text;
  const auto address = address_of(text);
  return address.ok() ? address->to_string() : text;
}

}  // namespace essaim::smtpd::cli
