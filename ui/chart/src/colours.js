// Colours that colour-blind people tell apart (Okabe and Ito), on a light and
// on a dark page. A scale shows a third objective: its lightness rises evenly, away
// from the page's, and between yellow and blue, which all tell apart but few. Other
// studies have the colours of style.css.
const LIGHT = {
  text: '#333333', back: '#ffffff', grid: '#e4e4e4', frontier: '#0072b2', predicted: '#0072b2', dominated: '#777777', infeasible: '#d55e00', overlay: '#c07c00',
  scale: ['#b58500', '#9a7147', '#815c60', '#5c4e6e', '#383c77', '#242c62', '#101d4d'],
  others: ['#00785a', '#a6318f', '#806600', '#333333'],
};
const DARK = {
  text: '#d6d6d6', back: '#202020', grid: '#3a3a3a', frontier: '#56b4e9', predicted: '#56b4e9', dominated: '#9a9a9a', infeasible: '#ee7733', overlay: '#e69f00',
  scale: ['#5b78c9', '#7b8dc0', '#9ca0b6', '#bcb59d', '#dcc87d', '#eddd8e', '#fff3a0'],
  others: ['#3cc9a0', '#e28ac8', '#f0e442', '#d6d6d6'],
};

export function colours(dark) {
  return dark ? DARK : LIGHT;
}
