// Passwords as the database keeps them: yescrypt of libxcrypt, in the format of crypt(5). Slow and large in memory on
// purpose (about a twentieth of a second): never on a loop. Passwords are prepared (prepare.h) by the caller.
// Thread-safe.
#pragma once

#include <string>

#include "core/base/result.h"

namespace essaim::sasl {

Result<std::string> hash_password(const std::string& password);
// Against any format that crypt(3) knows. What is no hash matches nothing. Takes as long whether it matches or not.
bool password_matches(const std::string& password, const std::string& hash);
// Spends the time of a look at a hash: for accounts that are not there.
void waste_time(const std::string& password);

}  // namespace essaim::sasl
