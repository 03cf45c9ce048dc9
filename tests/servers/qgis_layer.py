"""Run by the Python that QGIS comes with: reads a collection as a layer, and prints its features as JSON.

``python3 qgis_layer.py ADDRESS COLLECTION [EXPRESSION] [WEST,SOUTH,EAST,NORTH]``
"""

from __future__ import annotations

import json
import sys

from qgis.core import QgsApplication, QgsDataSourceUri, QgsFeatureRequest, QgsRectangle, QgsVectorLayer


def features(address: str, collection: str, expression: str = "", box: str = "") -> list[list[object]]:
    """Tenant, number of visits and place of each feature."""
    source = QgsDataSourceUri()
    source.setParam("url", address)
    source.setParam("typename", collection)
    source.setParam("pageSize", "50")
    layer = QgsVectorLayer(source.uri(False), collection, "OAPIF")
    if not layer.isValid():
        sys.exit(f"not a layer: {layer.error().message()}")
    if expression and not layer.setSubsetString(expression):
        sys.exit(f"not a filter: {expression}")
    request = QgsFeatureRequest()
    if box:
        request.setFilterRect(QgsRectangle(*map(float, box.split(","))))
    return [[f["tenant"], f["visits_count"], list(f.geometry().asPoint())] for f in layer.getFeatures(request)]


if __name__ == "__main__":
    application = QgsApplication([], False)  # lives as long as its layers
    application.initQgis()
    sys.stdout.write(json.dumps(features(*sys.argv[1:])) + "\n")
    application.exitQgis()
