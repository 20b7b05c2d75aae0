#include "core/sasl/password_hash.h"

#include <memory>

#include <crypt.h>
#include <openssl/crypto.h>

#include "core/base/mac.h"

namespace essaim::sasl {
namespace {

constexpr const char* kPrefix = "$y$";
constexpr unsigned long kDefaultCost = 0;

struct Wiped {
  void operator()(crypt_data* data) const {
    OPENSSL_cleanse(data, sizeof *data);
    delete data;
  }
};

// "" when the setting is none.
std::string crypted(const std::string& password, const std::string& setting) {
  const std::unique_ptr<crypt_data, Wiped> data(new crypt_data{});
  const char* const hash = crypt_rn(password.c_str(), setting.c_str(), data.get(), sizeof *data);
  return hash == nullptr || *hash == '*' ? std::string() : std::string(hash);
}

Result<std::string> new_setting() {
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  // Without random octets of ours it takes the system's.
  if (crypt_gensalt_rn(kPrefix, kDefaultCost, nullptr, 0, setting, sizeof setting) == nullptr)
    return Error{ErrorCode::kInternal, "libcrypt cannot make a salt for yescrypt"};
  return std::string(setting);
}

}  // namespace

Result<std::string> hash_password(const std::string& password) {
  if (password.find('\0') != std::string::npos)
    return Error{ErrorCode::kInvalid, "a password cannot hold a NUL octet"};
  auto setting = new_setting();
  if (!setting.ok()) return setting.error();
  std::string hash = crypted(password, *setting);
  if (hash.empty()) return Error{ErrorCode::kInvalid, "libcrypt cannot hash this password"};
  return hash;
}

bool password_matches(const std::string& password, const std::string& hash) {
  if (password.find('\0') != std::string::npos || !hash.starts_with('$')) return false;
  return equal_in_constant_time(crypted(password, hash), hash);
}

void waste_time(const std::string& password) {
  static const Result<std::string> setting = new_setting();
  if (setting.ok()) static_cast<void>(crypted(password.substr(0, password.find('\0')), *setting));
}

}  // namespace essaim::sasl
