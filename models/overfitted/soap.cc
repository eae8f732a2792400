#include "models/overfitted/soap.h"

#include <Eigen/Dense>
#include <cmath>

namespace halfmoon::overfitted {
namespace {

constexpr float kBeta = 0.95F;  // of both moments and of the preconditioners
constexpr float kEpsilon = 1e-8F;
// Steps between two looks at the eigenbasis; the first ones look each time, for they change most.
constexpr int kEvery = 10, kFirstOnes = 20;

using Matrix = Eigen::MatrixXf;
using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Moments {
  Matrix first, second;  // of the gradient; the second in the eigenbasis
  Matrix left, right;    // running means of G G^T and G^T G
  Matrix left_basis, right_basis;
};

// One step of orthogonal iteration towards the eigenvectors of `matrix`.
Matrix Refined(const Matrix& matrix, const Matrix& basis) {
  return Eigen::HouseholderQR<Matrix>(matrix * basis).householderQ();
}

// Vectors have no basis to turn to, nor have the taps of separate filters.
bool IsMatrix(std::size_t t) { return kTensors[t].columns > 1 && t != kUpsamplingTaps; }

}  // namespace

struct Soap::State {
  std::array<Moments, kTensorCount> moments;
  int step = 0;
};

Soap::Soap() : state_(std::make_unique<State>()) {
  for (std::size_t t = 0; t < kTensorCount; ++t) {
    const int rows = kTensors[t].rows, columns = kTensors[t].columns;
    Moments& m = state_->moments[t];
    m.first = m.second = Matrix::Zero(rows, columns);
    m.left = Matrix::Zero(rows, rows);
    m.right = Matrix::Zero(columns, columns);
  }
}
Soap::~Soap() = default;
Soap::Soap(Soap&&) noexcept = default;
Soap& Soap::operator=(Soap&&) noexcept = default;

void Soap::Step(const Networks& gradients, float rate, float clip, Networks* networks) {
  const int step = ++state_->step;
  double square = 0;
  for (float g : gradients.all()) square += static_cast<double>(g) * static_cast<double>(g);
  const auto norm = static_cast<float>(std::sqrt(square));
  const float scale = norm > clip ? clip / norm : 1.0F;
  const float correction = 1 / (1 - std::pow(kBeta, static_cast<float>(step)));
  for (std::size_t t = 0; t < kTensorCount; ++t) {
    const auto id = static_cast<TensorId>(t);
    const int rows = kTensors[t].rows, columns = kTensors[t].columns;
    Eigen::Map<RowMajor> weights(networks->of(id), rows, columns);
    const Matrix g = scale * Eigen::Map<const RowMajor>(gradients.of(id), rows, columns);
    Moments& m = state_->moments[t];
    m.first = kBeta * m.first + (1 - kBeta) * g;
    const auto direction = [&](const Matrix& first, const Matrix& turned) -> Matrix {
      m.second = kBeta * m.second + (1 - kBeta) * turned.cwiseProduct(turned);
      return (correction * first.array() / ((correction * m.second.array()).sqrt() + kEpsilon))
          .matrix();
    };
    if (!IsMatrix(t)) {
      weights -= rate * direction(m.first, g);
      continue;
    }
    m.left = kBeta * m.left + (1 - kBeta) * g * g.transpose();
    m.right = kBeta * m.right + (1 - kBeta) * g.transpose() * g;
    if (step == 1) {
      m.left_basis = Eigen::SelfAdjointEigenSolver<Matrix>(m.left).eigenvectors();
      m.right_basis = Eigen::SelfAdjointEigenSolver<Matrix>(m.right).eigenvectors();
    } else if (step % kEvery == 0 || step < kFirstOnes) {
      const Matrix left = Refined(m.left, m.left_basis), right = Refined(m.right, m.right_basis);
      // The second moments in the new basis, as if those in the old one did not depend on each
      // other. Left as they are, they divide by next to nothing what the new basis brings forth.
      m.second = (left.transpose() * m.left_basis).cwiseAbs2() * m.second *
                 (right.transpose() * m.right_basis).cwiseAbs2().transpose();
      m.left_basis = left;
      m.right_basis = right;
    }
    const auto turn = [&](const Matrix& x) -> Matrix {
      return m.left_basis.transpose() * x * m.right_basis;
    };
    weights -=
        rate * (m.left_basis * direction(turn(m.first), turn(g)) * m.right_basis.transpose());
  }
}

}  // namespace halfmoon::overfitted
