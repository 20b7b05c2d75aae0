#include "smtpd/accounts/verified_passwords.h"

#include <openssl/crypto.h>

#include "core/base/encoding.h"
#include "core/base/random.h"

namespace essaim::smtpd {

VerifiedPasswords::VerifiedPasswords(Duration keep, std::size_t most)
    : key_(random_key(32)), most_(most), keep_(keep) {}

Sha256Digest VerifiedPasswords::mac(const std::string& account, const std::string& hash,
                                    const std::string& password) const {
  std::string bytes;
  bytes.reserve(account.size() + hash.size() + password.size() +
                24);  // so that it is not moved, and wiped as a whole
  for (const std::string* part : {&account, &hash, &password}) put_string(&bytes, *part);
  const Sha256Digest out = key_.mac(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return out;
}

bool VerifiedPasswords::knows(const std::string& account, const std::string& hash,
                              const std::string& password, MonoTime now) {
  const Sha256Digest code = mac(account, hash, password);
  const std::lock_guard lock(mutex_);
  const auto found = until_.find(code);
  if (found == until_.end()) return false;
  if (found->second > now) return true;
  until_.erase(found);
  return false;
}

void VerifiedPasswords::add(const std::string& account, const std::string& hash, const std::string& password,
                            MonoTime now) {
  const Sha256Digest code = mac(account, hash, password);
  const std::lock_guard lock(mutex_);
  if (keep_ <= Duration::zero()) return;
  if (until_.size() >= most_) std::erase_if(until_, [now](const auto& entry) { return entry.second <= now; });
  if (until_.size() >= most_) until_.clear();
  until_[code] = now + keep_;
}

void VerifiedPasswords::set_keep(Duration keep) {
  const std::lock_guard lock(mutex_);
  keep_ = keep;
  if (keep_ <= Duration::zero()) until_.clear();
}

}  // namespace essaim::smtpd
