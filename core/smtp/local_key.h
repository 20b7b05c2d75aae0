// The normal form of local parts: how two spellings of a mailbox are found to be the same. Whoever compares
// addresses compares keys (Address::local_key()) and domains in A-labels (idn.h); what is sent is the local
// part as it was written.
//
// Lower case in NFC: "Jörg", "JÖRG" and "jo¨rg" (decomposed) are one person (RFC 6532 §3.1, RFC 6530 §10.1).
// No case folding: it would make one of "ß" and "ss", who are two people. What is not UTF-8 has its ASCII letters
// lowered only. Pure function, thread-safe; ASCII, the usual case, costs a copy.
#pragma once

#include <string>
#include <string_view>

namespace essaim::smtp {

std::string local_key_of(std::string_view local);

}  // namespace essaim::smtp
