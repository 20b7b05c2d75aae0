// All that is verified about one message as it was received: SPF of MAIL and HELO, every DKIM signature, ARC, DMARC. It
// is made off the loops (it reads and hashes the whole message), look() is asked on a loop until DNS has answered
// (lookups.h), and conclude() verifies signatures, again off the loops. One thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/mail/header_block.h"
#include "core/mailauth/arc.h"
#include "core/mailauth/authentication_results.h"
#include "core/mailauth/dkim_verify.h"
#include "core/mailauth/dmarc.h"
#include "core/mailauth/spf.h"
#include "core/smtp/address.h"

namespace essaim::mailauth {

struct MailSource {
  std::string client_ip;
  std::string helo;
  smtp::Address reverse_path;  // empty: the null sender
};

// What came out. Values; immutable by convention, shared by all that decide about the message.
struct Authentication {
  SpfResult spf;  // of MAIL; with the null sender of HELO
  SpfResult spf_helo;
  std::vector<DkimResult> dkim;  // in the order of the header
  ArcResult arc;
  // Of the author's domain. Of several the one that has most to say against the message, and never a pass: kPermError if none
  // disowns it, as without an author. Where From names several people, Sender says who posts: if it is of another domain that
  // disowns the message, or cannot be asked, it is this one; it never makes a message pass.
  DmarcResult dmarc;
  // A signature whose key cannot be asked for now would be aligned with the author's domain. For the reply only: a post that
  // waits is not looked up again, and does not keep it.
  bool may_be_signed = false;
  // author_authenticated() might come out otherwise later: what cannot be asked for now would be aligned, or it is the
  // author's own domain that cannot be asked. For the reply only, too.
  bool may_be_authenticated = false;

  // The author's domain stands behind the message: DMARC passes, or, where it has no policy or cannot be asked for it, a
  // signature or MAIL is of the very domain. A ground of its own, between a bare From and a login.
  bool author_authenticated() const { return !dmarc.aligned_by.empty(); }
  // Some answer of DNS is missing, about whomever: anybody can name a domain of their own whose servers are silent.
  bool temporary() const;
};

// What to write into Authentication-Results.
AuthenticationResults to_results(const Authentication& authentication, const MailSource& source,
                                 const std::string& authserv_id);

class MessageCheck {
 public:
  // `message` is needed during the call only. kInvalid: it is no message.
  static Result<std::unique_ptr<MessageCheck>> make(MailSource source, std::string_view message);

  void look(Answers& answers) const;
  Authentication conclude(WallTime now, Answers& answers) const;
  const mail::HeaderBlock& header() const { return header_; }

 private:
  MessageCheck(MailSource source, mail::HeaderBlock header, std::string_view body);
  DmarcResult dmarc(const Authenticated& authenticated, Answers& answers) const;
  DmarcResult dmarc_of_authors(const Authenticated& authenticated, Answers& answers) const;
  SpfResult spf_of_helo(Answers& answers) const;

  const MailSource source_;
  const mail::HeaderBlock header_;
  const FieldIndex index_;
  BodyHashes hashes_;
  const DkimVerifier dkim_;
  const ArcVerifier arc_;
  std::vector<std::string> author_domains_;  // different ones
  std::string sender_domain_;  // of Sender beside several authors, if it is none of those; else ""
  std::size_t from_fields_ = 0;
  bool from_names_others_ = false;  // to people's eyes, besides those
};

}  // namespace essaim::mailauth
