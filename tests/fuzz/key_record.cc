// Key records of strangers: a key that is given can be used, and is of the size that was promised.
#include "core/mailauth/key_record.h"

#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_TARGET(key_record) {
  const auto record = mailauth::parse_key_record(data);
  if (!record.ok()) return;
  ESSAIM_CHECK(record->revoked != record->key.has_value());
  if (record->key && record->key->bits() <= mailauth::kMaxRsaBits)
    record->key->verify(sha256(data), std::string(256, 'x'));
}
