// What follows on a product: bias, residual, activation.
fn finish(sum: vec4<f32>, bias: vec4<f32>, before: vec4<f32>) -> vec4<f32> {
  var v = sum + bias + before;
  if (GELU) {
    // (1 + tanh u) / 2 = 1 / (1 + exp(-2u)), u = sqrt(2/pi) (v + 0.044715 v^3)
    v = v / (1.0 + exp(min(v * (-1.5957691216 - 0.0713548162726 * v * v), vec4<f32>(80.0))));
  }
  if (RELU) {
    v = max(v, vec4<f32>());
  }
  return v;
}
