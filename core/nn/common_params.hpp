// Rows of parameter tables that several algorithms have in common, declared once: an algorithm's
// table lists those that it takes.
#pragma once

#include "core/sdk/plugin.hpp"

namespace labhost::params {

constexpr ParamDecl row(const char* name, ParamType type, const char* default_value,
                        const char* minimum, const char* maximum, const char* choices,
                        const char* unit, const char* meaning, const char* source) {
  return {name, type, default_value, minimum, maximum, choices, unit, meaning, source};
}

// Implicit Q-learning.
constexpr ParamDecl kExpectile = row("expectile", ParamType::kReal, "0.7", "0.5", "1", nullptr, "",
                                     "expectile of V", "Appendix A.2");
constexpr ParamDecl kTemperature =
    row("temperature", ParamType::kReal, "3", "0", nullptr, nullptr, "",
        "inverse temperature of advantage-weighted regression", "Appendix A.2");
constexpr ParamDecl kWeightMax = row("weight_max", ParamType::kReal, "100", "0", nullptr, nullptr,
                                     "", "largest regression weight", "released code");
constexpr ParamDecl kPolicySchedule =
    row("policy_schedule", ParamType::kText, "cosine", nullptr, nullptr, "cosine|constant", "",
        "decay of the policies' learning rate over the run", "official IQL");
constexpr ParamDecl kScaleRewards = row(
    "scale_rewards", ParamType::kFlag, "false", nullptr, nullptr, nullptr, "",
    "multiply rewards by 1000 / (best - worst trajectory return); the ant tasks", "official IQL");

// TD3.
constexpr ParamDecl kPolicyEvery =
    row("policy_every", ParamType::kInteger, "2", "1", "1000000", nullptr, "updates",
        "between steps of the policies and of all targets", "Appendix A.2");
constexpr ParamDecl kTargetNoise =
    row("target_noise", ParamType::kReal, "0.2", "0", nullptr, nullptr, "",
        "standard deviation of the noise on target actions", "Appendix A.2");
constexpr ParamDecl kTargetNoiseClip =
    row("target_noise_clip", ParamType::kReal, "0.5", "0", nullptr, nullptr, "",
        "bound of that noise", "Appendix A.2");

// PPO.
constexpr ParamDecl kGaeLambda = row("gae_lambda", ParamType::kReal, "0.98", "0", "1", nullptr, "",
                                     "lambda of generalised advantage estimation", "Appendix A.2");
constexpr ParamDecl kPpoBatchSize =
    row("batch_size", ParamType::kInteger, "256", "1", "1000000", nullptr, "transitions",
        "mini-batch size; an incomplete last one is dropped", "Appendix A.2");
constexpr ParamDecl kPpoClip =
    row("clip", ParamType::kReal, "0.2", "0", "1", nullptr, "", "PPO's clip value", "Appendix A.2");
constexpr ParamDecl kCriticWeight = row("critic_weight", ParamType::kReal, "0.5", "0", nullptr,
                                        nullptr, "", "weight of the critic's loss", "Appendix A.2");
constexpr ParamDecl kEntropyRate =
    row("entropy_rate", ParamType::kReal, "0.001", "0", nullptr, nullptr, "",
        "step of the adaptive entropy weight", "Appendix A.1");
constexpr ParamDecl kEntropyTarget =
    row("entropy_target", ParamType::kReal, "-4", nullptr, nullptr, nullptr, "",
        "entropy below which the bonus grows: -6 on ant, -4 on reacher", "Appendix A.1");
constexpr ParamDecl kActionPenalty =
    row("action_penalty", ParamType::kReal, "1", "0", nullptr, nullptr, "",
        "coefficient of the penalty for actions outside [-1, 1]", "Appendix A.1");
constexpr ParamDecl kPenalisedAction =
    row("penalised_action", ParamType::kText, "sample", nullptr, nullptr, "mean|sample", "",
        "which action the penalty looks at; mean is the released code's", "Appendix A.1");
constexpr ParamDecl kPpoLearningRate = row("learning_rate", ParamType::kReal, "5e-5", "0", "1",
                                           nullptr, "", "Adam's learning rate", "Appendix A.2");
constexpr ParamDecl kPpoGradientClip =
    row("gradient_clip", ParamType::kReal, "1", "0", nullptr, nullptr, "",
        "bound of the gradient norm over all parameters; 0: none", "Appendix A.2");
constexpr ParamDecl kScaleInputs =
    row("scale_inputs", ParamType::kFlag, "false", nullptr, nullptr, nullptr, "",
        "divide inputs by the magnitudes that the task declares", "ours");
constexpr ParamDecl kInitialLogStd =
    row("initial_log_std", ParamType::kReal, "0", "-6", "0", nullptr, "",
        "log standard deviation that the policies start with", "released code");

// CQL's conservative term.
constexpr ParamDecl kCqlCoefficient =
    row("cql_coefficient", ParamType::kReal, "1", "0", nullptr, nullptr, "",
        "weight of the conservative term (5 on ant-expert)", "Appendix A.2");
constexpr ParamDecl kCqlTemperature = row("cql_temperature", ParamType::kReal, "1", "1e-6", nullptr,
                                          nullptr, "", "of the logsumexp", "Appendix A.2");
constexpr ParamDecl kCqlActions =
    row("cql_actions", ParamType::kInteger, "10", "1", "10000", nullptr, "actions",
        "sampled uniformly, and as many around the policies' actions in the states and in the "
        "next "
        "states",
        "Appendix A.2");
constexpr ParamDecl kCqlNoise =
    row("cql_noise", ParamType::kReal, "0.2", "1e-6", nullptr, nullptr, "",
        "standard deviation of the samples around the policies' actions", "Appendix A.2");
constexpr ParamDecl kImportance =
    row("importance", ParamType::kText, "log-density", nullptr, nullptr, "log-density|density", "",
        "what is subtracted from the values of those samples; density is the released code's",
        "CQL's paper");

// Values that bootstrap from target networks.
constexpr ParamDecl kDiscount = row("discount", ParamType::kReal, "0.99", "0", "1", nullptr, "",
                                    "discount factor", "Appendix A.2");
constexpr ParamDecl kPolyak = row("polyak", ParamType::kReal, "0.005", "0", "1", nullptr, "",
                                  "rate of the target networks", "Appendix A.2");

// Networks and their optimiser.
constexpr ParamDecl kLearningRate = row("learning_rate", ParamType::kReal, "3e-4", "0", "1",
                                        nullptr, "", "Adam's learning rate", "Appendix A.2");
constexpr ParamDecl kFinalLearningRate =
    row("final_learning_rate", ParamType::kReal, "1", "0", "1", nullptr, "",
        "share of the learning rate that is left at the end, reached linearly", "ours");
constexpr ParamDecl kBatchSize = row("batch_size", ParamType::kInteger, "256", "1", "1000000",
                                     nullptr, "transitions", "mini-batch size", "Appendix A.2");
constexpr ParamDecl kHidden =
    row("hidden", ParamType::kInteger, "256", "1", "65536", nullptr, "units",
        "units of each of the two hidden layers", "Appendix A.2");
constexpr ParamDecl kGradientClip =
    row("gradient_clip", ParamType::kReal, "1", "0", nullptr, nullptr, "",
        "bound of each network's gradient norm; 0: none", "Appendix A.2");
constexpr ParamDecl kPrecision =
    row("precision", ParamType::kText, "fp32", nullptr, nullptr, "fp32|bf16", "",
        "of the hidden layers' products; bf16 needs AVX512-BF16 or a GPU", "ours");

// Perception.
constexpr ParamDecl kMemory =
    row("memory", ParamType::kText, "auto", nullptr, nullptr, "auto|on|off", "",
        "agents remember their last observation-action pairs; auto: where one does not see it all",
        "Section 3.3");
constexpr ParamDecl kMemoryLength =
    row("memory_length", ParamType::kInteger, "10", "1", "1000", nullptr, "pairs",
        "that an agent remembers", "Appendix A.1");
constexpr ParamDecl kMemoryWidth =
    row("memory_width", ParamType::kInteger, "128", "1", "4096", nullptr, "units",
        "width of the memory's embedding", "Appendix A.1");
constexpr ParamDecl kMemoryLearningRate =
    row("memory_learning_rate", ParamType::kReal, "1e-4", "0", "1", nullptr, "",
        "Adam's learning rate for the memory", "Appendix A.1");

}  // namespace labhost::params
