#include "smtpd/intake/verification_counts.h"

#include <algorithm>

#include "core/base/counters.h"

namespace essaim::smtpd {
namespace {

struct Counters {
  Counter pass, fail, error, other;
};

template <typename Status>
void count_one(Status status, const Counters& counters) {
  switch (status) {
    case Status::kPass:
      return count(counters.pass);
    case Status::kFail:
      return count(counters.fail);
    case Status::kTempError:
      return count(counters.error);
    default:
      return count(counters.other);
  }
}

mailauth::DkimStatus best(const std::vector<mailauth::DkimResult>& signatures) {
  using Status = mailauth::DkimStatus;
  for (const Status status : {Status::kPass, Status::kTempError, Status::kFail})
    if (std::any_of(signatures.begin(), signatures.end(),
                    [&](const auto& one) { return one.status == status; }))
      return status;
  return Status::kNeutral;
}

}  // namespace

void count_results(const mailauth::Authentication& found) {
  count_one(found.spf.status, {Counter::kSpfPass, Counter::kSpfFail, Counter::kSpfError, Counter::kSpfOther});
  count_one(best(found.dkim),
            {Counter::kDkimPass, Counter::kDkimFail, Counter::kDkimError, Counter::kDkimOther});
  count_one(found.dmarc.status,
            {Counter::kDmarcPass, Counter::kDmarcFail, Counter::kDmarcError, Counter::kDmarcOther});
  count_one(found.arc.status, {Counter::kArcPass, Counter::kArcFail, Counter::kArcError, Counter::kArcOther});
}

}  // namespace essaim::smtpd
