#include "core/base/build_info.hpp"

#include "git_info.hpp"

namespace labhost {

const char* git_commit() { return LABHOST_GIT_COMMIT; }
const char* git_dirty_hash() { return LABHOST_GIT_DIRTY; }

}  // namespace labhost
