r"""Formats, one module each, found by their file name: bytes of a payload come in, records and rejections go out.

A module has ``class Options(FormatOptions)``, ``decode(payload, options, reference)``, and where it has references
``read_reference(payload, options)``; the good and the bad of a reference come from ``read_entries``. They are pure.
Of several records in a payload each carries ``alone``, which makes a payload of it: dead letters are decoded again.

Where the fields of a feed are not fixed by a standard, its YAML declares them (`connectors.formats._mapping.Mapped`)::

    format:
      kind: csv_records              # or json_records, opendatasoft, chirpstack
      entity_id: troncon             # a path, several to try, or {place: 'datasets/0*(\d+)-', prefix: x-}
      observed_at: {from: debut, format: "%d/%m/%Y %H:%M", timezone: Europe/Paris}  # iso, epoch_s, epoch_ms
      location: {x: x_l93, y: y_l93, crs: "EPSG:2154", decimal: ","}  # or lat and lon, point, pair
      constants: {period_seconds: 360}
      fields:
        intensity_vehicles: vehicules
        average_speed_km_per_h: {from: vitesse, decimal: ",", unit: m/s, null_values: [-1]}
        occupancy_ratio: {from: taux, unit: percent, null_below: 0}

Of a value may be said: ``unit`` it is in, ``scale`` and ``add`` before that, ``cases`` of them by size, ``values`` for
words (``"*"`` for all others), ``null_values`` and ``null_below`` for unknown, ``default``, and for times ``format``
and ``timezone`` (``seconds_before`` counts back from ``observed_at``).
"""
