// Products and sums in registers: four chains of vectors, each step of all four
// independent of the other chains.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let f = matrix[0];
  var a = f;
  var b = f.yzwx;
  var c = f.zwxy;
  var d = f.wxyz;
  for (var i = 0u; i < TURNS; i++) {
    a = a * f + f; b = b * f + f; c = c * f + f; d = d * f + f;
    a = a * f + f; b = b * f + f; c = c * f + f; d = d * f + f;
    a = a * f + f; b = b * f + f; c = c * f + f; d = d * f + f;
    a = a * f + f; b = b * f + f; c = c * f + f; d = d * f + f;
  }
  state[id.x] = a + b + c + d;
}
