// Keeps the page live. Without scripts the page is still true as of its loading.
"use strict";
const live = document.getElementById("live");
const lost = document.getElementById("stream");
const retryAfter = 5000; // ms; for a refused stream, which a browser does not open again by itself

function stale(is) {
  lost.hidden = !is;
  document.body.classList.toggle("stale", is);
}

function connect() {
  const source = new EventSource("/status/events");
  source.onopen = () => stale(false);
  source.onmessage = (event) => {
    stale(false);
    live.innerHTML = event.data; // drawn and escaped by the server's template
  };
  source.onerror = () => {
    stale(true);
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, retryAfter);
  };
}
connect();
