#include "storage/engine/engine_connection.h"

namespace essaim::storage {

bool is_serious(ErrorCode code) {
  return code == ErrorCode::kIo || code == ErrorCode::kDamaged || code == ErrorCode::kExhausted ||
         code == ErrorCode::kUnknownOutcome;
}

}  // namespace essaim::storage
