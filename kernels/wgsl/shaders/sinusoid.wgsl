// Y's row i is the encoding of the distance rows-1-i: HALF sines, then cosines, of
// WIDTH columns. Angles are counted in 2^-32 turns, which wrap as angles do.
fn sine(angle: i32) -> f32 {
  var t = f32(angle) * 0x1p-32;
  t = max(min(t, 0.5 - t), -0.5 - t);
  let s = t * t;
  return t * (6.283185307 + s * (-41.34170224 + s * (81.60524928 + s * (-76.70585975 + s * (42.05869394 - s * 15.09464258)))));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= C4) {
    return;
  }
  var turns = TURNS;
  let distance = i32(run.rows - 1u - id.y);
  var v = vec4<f32>();
  for (var j = 0u; j < 4u; j++) {
    let c = 4u * id.x + j;
    if (c < HALF) {
      v[j] = sine(turns[c] * distance);
    } else if (c < WIDTH) {
      v[j] = sine(turns[c - HALF] * distance + 0x40000000i);
    }
  }
  state[op.at[0].z / 4u + id.y * C4 + id.x] = v;
}
