// Colours that colour-blind people tell apart (Okabe and Ito), on a light and
// on a dark page.
const LIGHT = { text: '#333333', back: '#ffffff', grid: '#e4e4e4', frontier: '#0072b2', dominated: '#777777', infeasible: '#d55e00', overlay: '#c07c00' };
const DARK = { text: '#d6d6d6', back: '#202020', grid: '#3a3a3a', frontier: '#56b4e9', dominated: '#9a9a9a', infeasible: '#ee7733', overlay: '#e69f00' };

export function colours(dark) {
  return dark ? DARK : LIGHT;
}
