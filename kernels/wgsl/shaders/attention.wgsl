// Causal attention of R query rows and one head in a workgroup of 128, over blocks of
// 4 S keys with a running softmax: no more of the scores exists than R rows of a block.
// op.at[0] has the offsets of keys, values and Y, and the scores' scale; op.at[1], with
// distances, those of the second queries and the distances' keys, then how many vectors
// a row of values has and how many positions the memory; op.at[2] the vectors of a head.
// A row of queries has op.n vectors, and op.extra is how many positions there are.
const S = 128u / R;      // vectors of scores in a row of a block
// MINE is how many vectors of results an invocation has, at most.
var<workgroup> scores: array<vec4<f32>, 128>;
var<workgroup> shared_sums: array<f32, 128>;
var<workgroup> fades: array<f32, R>;
var<workgroup> parts: array<vec4<f32>, 128>;

// over reduces x over the invocations of a row of scores.
fn over(index: u32, x: f32, largest: bool) -> f32 {
  var part = x;
  if (largest) {
    part = gather_max(x);
  } else {
    part = gather_sum(x);
  }
  if (GATHER == S) {
    return part;
  }
  workgroupBarrier(); // what was reduced before has been read
  shared_sums[index] = part;
  for (var half = S / 2u; half >= GATHER; half /= 2u) {
    workgroupBarrier();
    if (index % S < half) {
      let a = shared_sums[index];
      let b = shared_sums[index + half];
      shared_sums[index] = select(a + b, max(a, b), largest);
    }
  }
  workgroupBarrier();
  return shared_sums[index - index % S];
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, place: Place) {
  let index = index_of(place);
  let d4 = op.at[2].x;
  let span4 = op.at[1].z;
  let out_size = R * d4;                   // vectors of results
  let shares = max(1u, 128u / out_size);   // invocations that share one
  let head = group.x * d4;
  let row = group.y * R;
  let start = run.pos + op.at[1].w + row;           // the cached position of the first row
  let rows = min(R, run.rows - row);
  let end = start + rows;                       // what the last row sees
  let r = index / S;
  let mine = min(r, rows - 1u);
  let q = op.x / 4u + (row + mine) * op.n + head;
  let keys = op.at[0].x / 4u + head;
  let values = op.at[0].y / 4u + 4u * head * span4;
  let second = op.at[1].x / 4u + (row + mine) * op.n + head;
  let distances = op.at[1].y / 4u + head;
  var top = -3.0e38;
  var sum = 0.0;
  var out: array<vec4<f32>, MINE>;
  for (var block = 0u; block < end; block += 4u * S) {
    let j = block + index % S * 4u;
    var score = vec4<f32>();
    let k0 = keys + min(j, end - 1u) * op.n;
    let k1 = keys + min(j + 1u, end - 1u) * op.n;
    let k2 = keys + min(j + 2u, end - 1u) * op.n;
    let k3 = keys + min(j + 3u, end - 1u) * op.n;
    for (var d = 0u; d < d4; d++) {
      let v = state[q + d];
      score = vec4<f32>(mac(score.x, v, state[k0 + d]), mac(score.y, v, state[k1 + d]),
          mac(score.z, v, state[k2 + d]), mac(score.w, v, state[k3 + d]));
    }
    if (RELATIVE) {
      // The distance's key is that many rows before the last; what is masked reads the last.
      let here = op.extra - 1u - (start + mine);
      let d0 = distances + min(here + j, op.extra - 1u) * op.n;
      let d1 = distances + min(here + j + 1u, op.extra - 1u) * op.n;
      let d2 = distances + min(here + j + 2u, op.extra - 1u) * op.n;
      let d3 = distances + min(here + j + 3u, op.extra - 1u) * op.n;
      for (var d = 0u; d < d4; d++) {
        let v = state[second + d];
        score = vec4<f32>(mac(score.x, v, state[d0 + d]), mac(score.y, v, state[d1 + d]),
            mac(score.z, v, state[d2 + d]), mac(score.w, v, state[d3 + d]));
      }
    }
    score = select(vec4<f32>(-3.0e38), score * bitcast<f32>(op.at[0].w), vec4<u32>(j, j + 1u, j + 2u, j + 3u) <= vec4<u32>(start + mine));
    let before = top;
    top = max(top, over(index, max(max(score.x, score.y), max(score.z, score.w)), true));
    score = exp(score - top);
    let fade = exp(before - top);
    sum = sum * fade + over(index, score.x + score.y + score.z + score.w, false);
    scores[index] = score;
    if (index % S == 0u) {
      fades[r] = fade;
    }
    workgroupBarrier();
    let seen = min(S, (end - block + 3u) / 4u);
    for (var i = 0u; i < MINE; i++) {
      let e = index + 128u * i;
      if (e >= out_size * shares) {
        continue;
      }
      let its = e % out_size / d4;
      let v = values + e % d4 * 4u * span4 + block / 4u;
      var o = out[i] * fades[its];
      for (var p = e / out_size; p < seen; p += shares) {
        let s = scores[its * S + p];
        o = vec4<f32>(mac(o.x, s, state[v + p]), mac(o.y, s, state[v + span4 + p]),
            mac(o.z, s, state[v + 2u * span4 + p]), mac(o.w, s, state[v + 3u * span4 + p]));
      }
      out[i] = o;
    }
    workgroupBarrier(); // scores and fades have been read
  }
  if (index % S == 0u) {
    fades[r] = 1.0 / sum;
  }
  parts[index] = out[0];
  workgroupBarrier();
  for (var i = 0u; i < MINE; i++) {
    let e = index + 128u * i;
    if (e < out_size && e / d4 < rows) {
      var o = out[i];
      for (var p = 1u; p < shares; p++) {
        o += parts[index + p * out_size];
      }
      state[op.at[0].z / 4u + (row + e / d4) * op.n + head + e % d4] = o * fades[e / d4];
    }
  }
}
