// A domain where a list is expected: a record without a list (id 0), with what the domain sets. A pure function.
#pragma once

#include "storage/records.h"

namespace essaim::lists {

inline storage::ListRecord domain_alone(const storage::DomainRecord& domain) {
  storage::ListRecord out;
  out.domain_id = domain.id;
  out.domain = domain.name;
  out.domain_settings = domain.settings;
  out.domain_policy = domain.policy;
  return out;
}

// That of a list.
inline storage::ListRecord domain_of(const storage::ListRecord& list) {
  storage::ListRecord out;
  out.domain_id = list.domain_id;
  out.domain = list.domain;
  out.domain_settings = list.domain_settings;
  out.domain_policy = list.domain_policy;
  return out;
}

}  // namespace essaim::lists
