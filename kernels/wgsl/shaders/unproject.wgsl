// Y = X W, one row: sixteen columns' vectors, each by sixteen invocations. op.at[0] has
// the offsets of W and Y, op.n is how many rows W has, and
// op.extra how many vectors a row; x as in matvec.
var<workgroup> sums: array<vec4<f32>, 256>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) id: vec3<u32>,
    @builtin(local_invocation_index) index: u32) {
  let col = group.x * 16u + id.x;
  let x = op.x + (run.rows - 1u) * op.last;
  var sum = vec4<f32>();
  for (var r = id.y; r < op.n; r += 16u) {
    sum += state[(x + r) / 4u][r % 4u] * weight(op.at[0].x / 4u + r * op.extra + min(col, op.extra - 1u));
  }
  sums[index] = sum;
  for (var half = 128u; half >= 16u; half /= 2u) {
    workgroupBarrier();
    if (index < half) {
      sums[index] += sums[index + half];
    }
  }
  if (id.y == 0u && col < op.extra) {
    state[op.at[0].z / 4u + col] = sums[index];
  }
}
