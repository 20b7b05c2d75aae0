// What receivers look up before they take our mail, and senders before they bring us theirs, judged as they do: PTR records
// that lead back (RFC 8601 §3), SPF of HELO and of the senders of copies (RFC 7208), DKIM records, DMARC (RFC 9989), MX, and what
// one-click unsubscription needs (RFC 8058 §4).
//
// Pure functions over Answers: while answers are missing, what they give means nothing (core/mailauth/lookups.h drives them).
#pragma once

#include <string>
#include <vector>

#include "core/mailauth/answers.h"
#include "smtpd/operate/doctor/finding.h"
#include "storage/dkim_store.h"

namespace essaim::smtpd::operate {

struct NodeSubject {
  std::string hostname;              // of HELO
  std::vector<std::string> senders;  // addresses that others see us come from
  std::vector<std::string> zones;    // of blocklists in DNS (RFC 5782)
};
// Of one address: for each a call of its own, so that many blocklists do not use up another one's questions.
std::vector<Finding> examine_sender(const NodeSubject& node, const std::string& sender,
                                    mailauth::Answers& answers);
// Of the name.
std::vector<Finding> examine_hostname(const NodeSubject& node, mailauth::Answers& answers);

struct DomainSubject {
  std::string name;
  std::string hostname;                // of this node
  std::vector<std::string> senders;    // as of the node
  std::vector<std::string> others;     // hostnames of the other nodes on this database
  std::vector<std::string> receivers;  // addresses by which we are reached
  std::string smarthost;               // that all mail goes by; "": it goes to MX hosts
  std::vector<storage::DkimKeyRecord> keys;
  std::string base_url;  // of pages; "": there are none
  std::size_t lists = 0;
  std::vector<std::string> common;  // local parts of lists whose copies are the same for all
};
std::vector<Finding> examine_domain(const DomainSubject& domain, mailauth::Answers& answers);

// Whether it is of a network that only its own machines know (RFC 1918, 4193, 6598; loopback, link-local).
bool is_private_address(const std::string& ip);

}  // namespace essaim::smtpd::operate
