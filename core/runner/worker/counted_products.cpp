#include "core/runner/worker/counted_products.hpp"

#include <ATen/record_function.h>

#include <atomic>
#include <cstring>

namespace labhost {

namespace {

std::atomic<double> operations_counted{0};

double numbers(const std::vector<std::int64_t>& sizes) {
  double product = 1;
  for (const std::int64_t size : sizes) product *= static_cast<double>(size);
  return product;
}

/// 2 x (batch x m x k) x n from the two factors of a product.
void count(const at::RecordFunction& function, std::size_t first) {
  const auto inputs = function.inputs();
  if (inputs.size() < first + 2 || !inputs[first].isTensor() || !inputs[first + 1].isTensor())
    return;
  const Tensor& right = inputs[first + 1].toTensor();
  const double n = static_cast<double>(right.size(-1));
  const double added = 2 * numbers(inputs[first].toTensor().sizes().vec()) * n;
  operations_counted = operations_counted + added;
}

std::unique_ptr<at::ObserverContext> on_enter(const at::RecordFunction& function) {
  const char* name = function.name();
  if (std::strcmp(name, "aten::mm") == 0 || std::strcmp(name, "aten::bmm") == 0) count(function, 0);
  if (std::strcmp(name, "aten::addmm") == 0 || std::strcmp(name, "aten::addmm_") == 0 ||
      std::strcmp(name, "aten::baddbmm") == 0) {
    count(function, 1);
  }
  return nullptr;
}

}  // namespace

CountedProducts::CountedProducts() {
  operations_counted = 0;
  handle_ = at::addGlobalCallback(
      at::RecordFunctionCallback(on_enter).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
}

CountedProducts::~CountedProducts() { at::removeCallback(handle_); }

double CountedProducts::operations() const { return operations_counted; }

}  // namespace labhost
