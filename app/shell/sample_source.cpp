#include "app/shell/sample_source.h"

#include "core/demo_world/demo_world.h"

namespace headscope {
namespace {

DemoDistractors distractors_of(SampleKind kind) {
  switch (kind) {
    case SampleKind::similar:
      return DemoDistractors::similar;
    case SampleKind::neutral:
      return DemoDistractors::neutral;
    case SampleKind::mixed:
      return DemoDistractors::mixed;
  }
  return DemoDistractors::mixed;
}

Result<QaSample> make_sample(const SampleWish& wish) {
  DemoSampleOptions options;
  options.documents = wish.documents;
  options.distractors = distractors_of(wish.kind);
  options.split = DemoSplit::test;
  HEADSCOPE_ASSIGN(std::vector<QaSample> samples, demo_samples(options, 1, wish.seed));
  if (samples.empty())
    return fail(ErrorKind::internal, "the embedded model's world made no sample");
  return std::move(samples.front());
}

}  // namespace

SampleSource demo_sample_source() {
  return make_sample;
}

}  // namespace headscope
