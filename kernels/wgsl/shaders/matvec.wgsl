// Y = X Wt + B for one row: LANES invocations share four results that lie in one
// vector of memory, GATHER of them at once. op is as in matmul; Y may begin anywhere in a
// vector. X is the row run.rows - 1 where op.last says how long rows are.
var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, place: Place) {
  let index = index_of(place);
  let at = op.at[group.z];
  let lane = index % LANES;
  let y = at.z + run.pos * at.w;
  let first = (y / 4u + group.x * (64u / LANES) + index / LANES) * 4u;
  let skipped = select(0u, y - first, y > first);      // entries of the vector before Y
  let begin = first + skipped - y;                     // the result that the next is of
  let r0 = min(begin, op.n - 1u) * op.extra + at.x / 4u;
  let r1 = min(begin + 1u, op.n - 1u) * op.extra + at.x / 4u;
  let r2 = min(begin + 2u, op.n - 1u) * op.extra + at.x / 4u;
  let r3 = min(begin + 3u, op.n - 1u) * op.extra + at.x / 4u;
  let x = (op.x + (run.rows - 1u) * op.last) / 4u;
  var sum = vec4<f32>();
  for (var k = lane; k < op.extra; k += LANES) {
    let v = state[x + k];
    sum = vec4<f32>(mac(sum.x, v, weight(r0 + k)), mac(sum.y, v, weight(r1 + k)),
        mac(sum.z, v, weight(r2 + k)), mac(sum.w, v, weight(r3 + k)));
  }
  sum = gather_sums(sum);
  if (LANES > GATHER) {
    sums[index] = sum;
    for (var half = LANES / 2u; half >= GATHER; half /= 2u) {
      workgroupBarrier();
      if (lane < half) {
        sums[index] += sums[index + half];
      }
    }
    sum = sums[index];
  }
  if (lane != 0u || begin >= op.n) {
    return;
  }
  let i = first / 4u;
  var before = vec4<f32>();
  if (RESIDUAL) {
    before = state[i]; // of aligned results only
  }
  if (skipped == 0u && begin + 4u <= op.n) {
    var bias = vec4<f32>();
    if (BIAS) {
      bias = quad(at.y + begin);
    }
    state[i] = finish(sum, bias, before);
    return;
  }
  for (var j = 0u; j < min(4u - skipped, op.n - begin); j++) {
    var bias = 0.0;
    if (BIAS) {
      bias = vectors[(at.y + begin + j) / 4u][(at.y + begin + j) % 4u];
    }
    state[i][skipped + j] = finish(vec4<f32>(sum[j]), vec4<f32>(bias), vec4<f32>(before[skipped + j])).x;
  }
}

// quad is four floats of vectors from i on.
fn quad(i: u32) -> vec4<f32> {
  let a = vectors[i / 4u];
  switch (i % 4u) {
    case 1u: { return vec4<f32>(a.yzw, vectors[i / 4u + 1u].x); }
    case 2u: { return vec4<f32>(a.zw, vectors[i / 4u + 1u].xy); }
    case 3u: { return vec4<f32>(a.w, vectors[i / 4u + 1u].xyz); }
    default: { return a; }
  }
}
