// What this build was made from: part of every run's provenance.
#pragma once

namespace labhost {

const char* git_commit();      ///< 40 digits, or "unknown" outside a checkout
const char* git_dirty_hash();  ///< SHA-256 of the uncommitted change, or "" when there is none

}  // namespace labhost
