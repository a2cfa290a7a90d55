alias Quad = vec2<u32>;
fn weight(i: u32) -> vec4<f32> {
  let q = matrix[i];
  return vec4<f32>(unpack2x16float(q.x), unpack2x16float(q.y));
}
